import { parse, type MediaDescription, type SessionDescription } from 'sdp-transform';
import { messageOf, ProtocolError, trackFormatOf, type DescribedFormat, type RtpIngestTrack } from 'wcs-core';

/** Longest description that is read, in characters. */
export const SDP_LENGTH_MAX = 65_536;
/** Most lines of a description. */
export const SDP_LINES_MAX = 2000;
/** Most m-sections of a description. */
export const SDP_MEDIA_MAX = 16;
const PARAMETERS_MAX = 32;
const FORMATS_MAX = 32;

/** Formats that need no `a=rtpmap`. @see RFC 3551 section 6 */
const STATIC_FORMATS: ReadonlyMap<number, { readonly name: string; readonly clockRateHz: number; readonly channels: number }> = new Map([
  [0, { name: 'pcmu', clockRateHz: 8000, channels: 1 }],
  [8, { name: 'pcma', clockRateHz: 8000, channels: 1 }],
  [9, { name: 'g722', clockRateHz: 8000, channels: 1 }],
  [10, { name: 'l16', clockRateHz: 44_100, channels: 2 }],
  [11, { name: 'l16', clockRateHz: 44_100, channels: 1 }],
  [18, { name: 'g729', clockRateHz: 8000, channels: 1 }],
]);
const FIRST_DYNAMIC = 96;

/** One m-section of a description whose media the bus carries. */
export interface SdpTrack extends RtpIngestTrack {
  readonly kind: 'audio' | 'video';
  /** Place of the m-section in the description. */
  readonly index: number;
  /** `a=control` as it stands; undefined where it is absent. */
  readonly control: string | undefined;
}

/** A description as far as it matters here. */
export interface SdpDescription {
  /** `a=control` of the session; undefined where it is absent. */
  readonly control: string | undefined;
  readonly tracks: readonly SdpTrack[];
  /** m-sections that are left out, in words for people. */
  readonly leftOut: readonly string[];
}

/**
 * Reads a description as cameras and encoders really write it: with or without `rtpmap` and `fmtp`, numbers that don't fit
 * together, any line ends. What can't be understood is left out.
 *
 * @throws ProtocolError for what is no description at all, or too long
 * @see RFC 8866, RFC 2326 appendix C
 */
export function parseSdp(text: string): SdpDescription {
  if (text.length > SDP_LENGTH_MAX) throw new ProtocolError(`A session description of ${text.length} characters exceeds ${SDP_LENGTH_MAX}`);
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.length > SDP_LINES_MAX) throw new ProtocolError(`A session description of ${lines.length} lines exceeds ${SDP_LINES_MAX}`);
  const session = read(lines.map((line) => line.trim()).join('\r\n'));
  if (session.media.length === 0) throw new ProtocolError('A session description without media');
  if (session.media.length > SDP_MEDIA_MAX) throw new ProtocolError(`${session.media.length} m-sections exceed ${SDP_MEDIA_MAX}`);
  const tracks: SdpTrack[] = [];
  const leftOut: string[] = [];
  for (const [index, media] of session.media.entries()) {
    const track = trackOf(media, index, tracks);
    if (track === undefined) leftOut.push(`${media.type} (${describedFormats(media).map(({ name }) => name).join(', ') || 'unknown'})`);
    else tracks.push(track);
  }
  return { control: controlOf(session), tracks, leftOut };
}

/**
 * The address that SETUP names a track by. An absolute `control` is that address; a relative one is put behind the base, as all
 * servers expect it, be there a query or not.
 *
 * @param base `Content-Base`, `Content-Location` or the address of the request
 * @see RFC 2326 section C.1.1
 */
export function controlUrl(base: string, sessionControl: string | undefined, trackControl: string | undefined): string {
  const root = resolved(base, sessionControl);
  return resolved(root, trackControl);
}

function resolved(base: string, control: string | undefined): string {
  if (control === undefined || control === '' || control === '*') return base;
  if (/^rtspu?s?:\/\//i.test(control)) return control;
  if (control.startsWith('?')) return base + control;
  return `${base.replace(/\/$/, '')}/${control.replace(/^\//, '')}`;
}

function read(text: string): SessionDescription & { readonly media: readonly MediaDescription[] } {
  try {
    return parse(text);
  } catch (error) {
    throw new ProtocolError(`The session description can't be read: ${messageOf(error)}`);
  }
}

function trackOf(media: MediaDescription, index: number, before: readonly SdpTrack[]): SdpTrack | undefined {
  const kind = media.type;
  if (kind !== 'audio' && kind !== 'video') return undefined;
  const formats = describedFormats(media);
  for (const described of formats) {
    const format = trackFormatOf(described);
    if (format === undefined) continue;
    const number = before.filter((track) => track.kind === kind).length + 1;
    return {
      ...format,
      id: number === 1 ? kind : `${kind}${number}`,
      kind,
      index,
      control: controlOf(media),
      // A lone format is the track, whatever number its packets have in the end.
      ...(formats.length > 1 ? { payloadType: described.payloadType } : {}),
      takesPli: takesPli(media, described.payloadType),
    };
  }
  return undefined;
}

/** The formats of an m-section in the order of its m-line. */
function describedFormats(media: MediaDescription): readonly DescribedFormat[] {
  const listed = textOf(media.payloads).split(/\s+/).map(Number).filter((number) => Number.isInteger(number) && number >= 0 && number <= 127);
  const maps = new Map(media.rtp.map((entry) => [entry.payload, entry]));
  const only = media.rtp.length === 1 && listed.length <= 1 ? media.rtp[0] : undefined;
  const numbers = listed.length === 0 && only !== undefined ? [only.payload] : listed;
  return [...new Set(numbers)].slice(0, FORMATS_MAX).flatMap((payloadType) => {
    const map = maps.get(payloadType) ?? only;
    const fixed = STATIC_FORMATS.get(payloadType);
    const parameters = parametersOf(media, payloadType, map?.payload);
    if (map !== undefined) return [{ payloadType, name: textOf(map.codec).toLowerCase(), clockRateHz: Number(map.rate), channels: map.encoding ?? 1, parameters }];
    if (fixed !== undefined) return [{ payloadType, ...fixed, parameters }];
    // A dynamic number that nothing explains: of pictures, cameras mean H.264 by it.
    return media.type === 'video' && payloadType >= FIRST_DYNAMIC ? [{ payloadType, name: 'h264', clockRateHz: 90_000, channels: 1, parameters }] : [];
  });
}

/** The parameters of a payload type, or else the only ones that there are. */
function parametersOf(media: MediaDescription, payloadType: number, mapped: number | undefined): ReadonlyMap<string, string> {
  const own = media.fmtp.find(({ payload }) => payload === payloadType || payload === mapped) ?? (media.fmtp.length === 1 && media.rtp.length <= 1 ? media.fmtp[0] : undefined);
  const parts = textOf(own?.config).split(';').slice(0, PARAMETERS_MAX);
  return new Map(
    parts.map((part): [string, string] => {
      const at = part.indexOf('=');
      return at < 0 ? [part.trim().toLowerCase(), ''] : [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()];
    }),
  );
}

function takesPli(media: MediaDescription, payloadType: number): boolean {
  return (media.rtcpFb ?? []).some(({ payload, type, subtype }) => (textOf(payload) === '*' || payload === payloadType) && type === 'nack' && subtype === 'pli');
}

function controlOf(section: { readonly control?: unknown }): string | undefined {
  const text = textOf(section.control);
  return text === '' ? undefined : text;
}

/** The value as text: sdp-transform makes a number of every decimal text, whatever its types say. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
