import { trackFormatOf, type Codec, type TrackFormat } from 'wcs-core';
import type { OfferedCodec } from 'wcs-core/formats/sdp-codecs';
import type { LocalFormat } from './write-sdp.ts';

/** Codecs that a call can have, with what we say of them in an offer. */
const FORMATS: ReadonlyMap<Codec, readonly LocalFormat[]> = new Map<Codec, readonly LocalFormat[]>([
  ['opus', [{ payloadType: 111, name: 'opus', clockRateHz: 48_000, channels: 2, fmtp: 'useinbandfec=1' }]],
  ['pcmu', [{ payloadType: 0, name: 'PCMU', clockRateHz: 8000, channels: 1 }]],
  ['pcma', [{ payloadType: 8, name: 'PCMA', clockRateHz: 8000, channels: 1 }]],
  ['g722', [{ payloadType: 9, name: 'G722', clockRateHz: 8000, channels: 1 }]],
  ['g729', [{ payloadType: 18, name: 'G729', clockRateHz: 8000, channels: 1, fmtp: 'annexb=no' }]],
  ['speex', [{ payloadType: 105, name: 'speex', clockRateHz: 16_000, channels: 1 }, { payloadType: 106, name: 'speex', clockRateHz: 8000, channels: 1 }]],
  // Two formats by their packets: some phones know one mode only. @see RFC 6184 section 8.1
  ['h264', [
    { payloadType: 96, name: 'H264', clockRateHz: 90_000, channels: 1, fmtp: 'profile-level-id=42e01f;packetization-mode=1', feedback: ['nack pli'] },
    { payloadType: 97, name: 'H264', clockRateHz: 90_000, channels: 1, fmtp: 'profile-level-id=42e01f;packetization-mode=0', feedback: ['nack pli'] },
  ]],
  ['vp8', [{ payloadType: 98, name: 'VP8', clockRateHz: 90_000, channels: 1, feedback: ['nack pli'] }]],
]);
/** Keys that are pressed, by the clocks of the sound beside which they go. @see RFC 4733 section 2.4.1 */
const TELEPHONE_EVENTS: ReadonlyMap<number, number> = new Map([[8000, 101], [48_000, 102], [16_000, 103]]);
const TELEPHONE_EVENT = 'telephone-event';

/** Codecs that a call can have. */
export const CALL_CODECS = [...FORMATS.keys()] as readonly Codec[];

/** The formats of an offer with these codecs, best first, and the keys that go with them. */
export function offerFormats(codecs: readonly Codec[]): readonly LocalFormat[] {
  const formats = codecs.flatMap((codec) => FORMATS.get(codec) ?? []);
  const clocks = new Set(formats.map(({ clockRateHz }) => clockRateHz));
  const events = [...TELEPHONE_EVENTS].filter(([clockRateHz]) => clocks.has(clockRateHz));
  return [...formats, ...events.map(([clockRateHz, payloadType]) => ({ payloadType, name: TELEPHONE_EVENT, clockRateHz, channels: 1, fmtp: '0-15' }))];
}

/** The codecs of a call that somebody else's description has, in its order. */
export function codecsIn(sections: readonly { readonly codecs: readonly OfferedCodec[] }[]): readonly Codec[] {
  const names = sections.flatMap(({ codecs }) => codecs.map(({ name }) => name.toLowerCase()));
  const codecs = names.flatMap((name) => [...FORMATS].filter(([, formats]) => formats.some((format) => format.name.toLowerCase() === name)).map(([codec]) => codec));
  return [...new Set(codecs)];
}

/** A format that both sides have. */
export interface AgreedFormat {
  readonly track: TrackFormat;
  /** Payload types of what we get, and of what the peer wants. */
  readonly receiveType: number;
  readonly sendType: number;
  /** False for what we only receive: packets of the bus don't fit into it. */
  readonly sendable: boolean;
  readonly takesPli: boolean;
  /** What we say of it. */
  readonly local: LocalFormat;
}

/** The first format of a peer's list that is among these codecs. @param ours our own numbers, where we have offered */
export function agreeFormat(peer: readonly OfferedCodec[], codecs: readonly Codec[], ours: readonly LocalFormat[] | undefined): AgreedFormat | undefined {
  const known = peer.flatMap((offered) => agreed(offered, codecs, ours) ?? []);
  // Two modes of H.264 are two formats: the one that goes both ways is better.
  return known.find(({ sendable }) => sendable) ?? known[0];
}

/** The key events that go with a format, under both sides' payload types. */
export function agreeEvents(peer: readonly OfferedCodec[], { track }: AgreedFormat, ours: readonly LocalFormat[] | undefined): { readonly receiveType: number; readonly sendType: number; readonly local: LocalFormat } | undefined {
  const events = peer.filter(({ name }) => name.toLowerCase() === TELEPHONE_EVENT);
  const offered = events.find(({ clockRateHz }) => clockRateHz === track.clockRateHz) ?? events[0];
  if (offered === undefined) return undefined;
  const own = ours?.find(({ name, clockRateHz }) => name === TELEPHONE_EVENT && clockRateHz === offered.clockRateHz);
  const receiveType = own?.payloadType ?? offered.payloadType;
  return { receiveType, sendType: offered.payloadType, local: { payloadType: receiveType, name: TELEPHONE_EVENT, clockRateHz: offered.clockRateHz, channels: 1, fmtp: '0-15' } };
}

function agreed(offered: OfferedCodec, codecs: readonly Codec[], ours: readonly LocalFormat[] | undefined): AgreedFormat | undefined {
  const { payloadType, name, clockRateHz, channels } = offered;
  const parameters = new Map(Object.entries(offered.parameters));
  const track = trackFormatOf({ payloadType, name: name.toLowerCase(), clockRateHz, channels, parameters });
  const models = track === undefined ? undefined : FORMATS.get(track.codec);
  if (track === undefined || models === undefined || !codecs.includes(track.codec)) return undefined;
  const mode = parameters.get('packetization-mode') ?? '0';
  const model = models.find((one) => one.clockRateHz === clockRateHz && (track.codec !== 'h264' || one.fmtp?.endsWith(`mode=${mode}`) === true));
  if (model === undefined) return undefined;
  const receiveType = ours?.find((one) => one.name === model.name && one.clockRateHz === model.clockRateHz && one.fmtp === model.fmtp)?.payloadType ?? payloadType;
  const feedback = (model.feedback ?? []).filter((type) => offered.feedback.includes(type));
  return {
    track,
    receiveType,
    sendType: payloadType,
    sendable: track.codec !== 'h264' || mode === '1',
    takesPli: feedback.includes('nack pli'),
    local: { ...model, payloadType: receiveType, feedback },
  };
}
