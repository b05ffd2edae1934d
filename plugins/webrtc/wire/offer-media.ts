import { kindOfCodec, type Codec } from 'wcs-core';
import type { AcceptedMedia, NegotiatedAnswer, NegotiatedCodec } from './negotiate-answer.ts';

const VIDEO_FEEDBACK = ['nack', 'nack pli', 'ccm fir', 'goog-remb'] as const;
/** What we say of the codecs that browsers have for calls. */
const FORMATS: ReadonlyMap<Codec, Omit<NegotiatedCodec, 'codec' | 'rtxPayloadType'>> = new Map([
  ['opus', { payloadType: 111, name: 'opus', clockRateHz: 48_000, channels: 2, fmtp: 'minptime=10;useinbandfec=1', feedback: [] }],
  ['pcmu', { payloadType: 0, name: 'PCMU', clockRateHz: 8000, channels: 1, fmtp: undefined, feedback: [] }],
  ['pcma', { payloadType: 8, name: 'PCMA', clockRateHz: 8000, channels: 1, fmtp: undefined, feedback: [] }],
  ['g722', { payloadType: 9, name: 'G722', clockRateHz: 8000, channels: 1, fmtp: undefined, feedback: [] }],
  ['vp8', { payloadType: 96, name: 'VP8', clockRateHz: 90_000, channels: 1, fmtp: undefined, feedback: VIDEO_FEEDBACK }],
  ['h264', { payloadType: 98, name: 'H264', clockRateHz: 90_000, channels: 1, fmtp: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f', feedback: VIDEO_FEEDBACK }],
]);

/** The m-sections of an offer of ours, on one transport; browsers take the active side of it. @see RFC 8842 section 5.3 */
export function offeredMedia(kinds: readonly ('audio' | 'video')[], codecs: readonly Codec[]): NegotiatedAnswer {
  const carried = kinds.filter((kind) => codecs.some((codec) => kindOfCodec(codec) === kind && FORMATS.has(codec)));
  const media = carried.map((kind, index): AcceptedMedia => {
    const formats = codecs.filter((codec) => kindOfCodec(codec) === kind).flatMap((codec): NegotiatedCodec[] => {
      const format = FORMATS.get(codec);
      return format === undefined ? [] : [{ ...format, codec, rtxPayloadType: undefined }];
    });
    return {
      type: 'accepted',
      index,
      kind,
      mid: String(index),
      protocol: 'UDP/TLS/RTP/SAVPF',
      direction: 'sendrecv',
      codecs: formats,
      extensions: [],
      ssrcs: [],
      rtxSsrcs: [],
      rids: [],
      rtcpRsize: true,
      // What the peer is like is known with its answer.
      transport: { iceUfrag: '', icePwd: '', fingerprint: { algorithm: '', value: '' }, setup: 'active' },
    };
  });
  return { media, bundle: media.flatMap(({ mid }) => mid ?? []) };
}
