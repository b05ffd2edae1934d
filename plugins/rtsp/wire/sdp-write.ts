import { write, type MediaDescription } from 'sdp-transform';
import type { Codec, TrackDescriptor } from 'wcs-core';
import { parseAvcConfig } from 'wcs-core/formats/h264';
import { NAL_TYPE as HEVC_NAL, nalsOfType, parseHevcConfig } from 'wcs-core/formats/hevc';

/** What a description says beside the tracks. */
export interface SdpSession {
  /** Numeric; makes the description different from others of that name. */
  readonly id: number;
  readonly name: string;
  /** Address family of the connection. */
  readonly family: 4 | 6;
  /** Value of `a=range`; absent for what is live. @see RFC 2326 section C.1.5 */
  readonly range?: string;
}

/** A track in a description, with the payload type that its packets have. */
export interface DescribedTrack {
  readonly track: TrackDescriptor;
  readonly payloadType: number;
  /** `a=control`, relative to the base. */
  readonly control: string;
}

interface Format {
  readonly name: string;
  readonly channels?: number | undefined;
  readonly parameters?: string | undefined;
}

const FIRST_DYNAMIC = 96;
const STATIC_TYPES: ReadonlyMap<Codec, number> = new Map<Codec, number>([['pcmu', 0], ['pcma', 8], ['g722', 9], ['g729', 18]]);

/** The tracks that a description can tell, in order, with their payload types; the others are left out. */
export function describableTracks(tracks: readonly TrackDescriptor[]): readonly DescribedTrack[] {
  return tracks.flatMap((track, index) => {
    if (formatOf(track) === undefined) return [];
    const fixed = (track.channels ?? 1) === 1 && (track.clockRateHz === 8000) ? STATIC_TYPES.get(track.codec) : undefined;
    return [{ track, payloadType: fixed ?? FIRST_DYNAMIC + (index % 32), control: `trackID=${index}` }];
  });
}

/** Writes the description of what a reader gets. @see RFC 8866, RFC 2326 appendix C */
export function encodeSdp(session: SdpSession, tracks: readonly DescribedTrack[]): string {
  const [address, version]: readonly ['0.0.0.0' | '::', 4 | 6] = session.family === 6 ? ['::', 6] : ['0.0.0.0', 4];
  return write({
    version: 0,
    origin: { username: '-', sessionId: session.id, sessionVersion: 1, netType: 'IN', ipVer: version, address },
    name: session.name,
    connection: { version, ip: address },
    timing: { start: 0, stop: 0 },
    control: '*',
    ...(session.range === undefined ? {} : { invalid: [{ value: `range:${session.range}` }] }),
    media: tracks.map(mediaOf),
  });
}

function mediaOf({ track, payloadType, control }: DescribedTrack): { type: string; port: number; protocol: string; payloads: string } & MediaDescription {
  const { name, channels, parameters } = formatOf(track) ?? { name: track.codec };
  return {
    type: track.kind,
    port: 0,
    protocol: 'RTP/AVP',
    payloads: String(payloadType),
    rtp: [{ payload: payloadType, codec: name, rate: track.clockRateHz, ...(channels === undefined ? {} : { encoding: channels }) }],
    fmtp: parameters === undefined ? [] : [{ payload: payloadType, config: parameters }],
    control,
  };
}

/** Undefined for what a description can't tell. */
function formatOf({ codec, codecConfig, channels }: TrackDescriptor): Format | undefined {
  const several = channels !== undefined && channels > 1 ? channels : undefined;
  switch (codec) {
    case 'h264':
      return { name: 'H264', parameters: h264Parameters(codecConfig) };
    case 'hevc':
      return { name: 'H265', parameters: hevcParameters(codecConfig) };
    case 'vp8':
    case 'vp9':
    case 'av1':
      return { name: codec.toUpperCase() };
    case 'aac':
      return codecConfig === undefined ? undefined : { name: 'MPEG4-GENERIC', channels: channels ?? 2, parameters: aacParameters(codecConfig) };
    case 'opus':
      // Always two: how many there really are is told by every packet. @see RFC 7587 section 7
      return { name: 'opus', channels: 2, parameters: channels === 2 ? 'sprop-stereo=1' : undefined };
    case 'pcmu':
    case 'pcma':
    case 'l16':
      return { name: codec.toUpperCase(), channels: several };
    case 'g722':
      return { name: 'G722', channels: several };
    case 'g729':
      return { name: 'G729', parameters: 'annexb=no' };
    case 'speex':
      return { name: 'speex', channels: several };
    default:
      return undefined;
  }
}

/** @see RFC 6184 section 8.1 */
function h264Parameters(avcC: Uint8Array | undefined): string {
  if (avcC === undefined) return 'packetization-mode=1';
  const { sps, pps, profileIdc, profileCompatibility, levelIdc } = parseAvcConfig(avcC);
  const profile = [profileIdc, profileCompatibility, levelIdc].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `packetization-mode=1;profile-level-id=${profile};sprop-parameter-sets=${base64List([...sps, ...pps])}`;
}

/** @see RFC 7798 section 7.1 */
function hevcParameters(hvcC: Uint8Array | undefined): string | undefined {
  if (hvcC === undefined) return undefined;
  const config = parseHevcConfig(hvcC);
  const sets = (['vps', 'sps', 'pps'] as const).map((name) => `sprop-${name}=${base64List(nalsOfType(config, HEVC_NAL[name]))}`);
  return sets.join(';');
}

/** @see RFC 3640 section 4.1 */
function aacParameters(config: Uint8Array): string {
  return `streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=${Buffer.from(config).toString('hex')}`;
}

function base64List(nals: readonly Uint8Array[]): string {
  return nals.map((nal) => Buffer.from(nal).toString('base64')).join(',');
}
