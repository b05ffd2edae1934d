import type { MediaDescription } from 'sdp-transform';

/** Payload types are seven bits. */
const PAYLOAD_TYPE_MAX = 127;
/** Parameters that are kept of one format. */
const PARAMETERS_MAX = 32;
/** Formats that need no `a=rtpmap`. @see RFC 3551 section 6 */
const STATIC_FORMATS: ReadonlyMap<number, { readonly name: string; readonly clockRateHz: number }> = new Map([
  [0, { name: 'PCMU', clockRateHz: 8000 }],
  [8, { name: 'PCMA', clockRateHz: 8000 }],
  [9, { name: 'G722', clockRateHz: 8000 }],
  [18, { name: 'G729', clockRateHz: 8000 }],
]);

/** One RTP format of an m-section. */
export interface OfferedCodec {
  readonly payloadType: number;
  /** Encoding name as offered. */
  readonly name: string;
  readonly clockRateHz: number;
  readonly channels: number;
  /** Format parameters by lower-case name; a word without a value has the empty one. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The parameters as they stand, to be given back in an answer. */
  readonly fmtp: string | undefined;
  /** `nack`, `nack pli`, `ccm fir`… @see RFC 4585 section 4.2 */
  readonly feedback: readonly string[];
  /** Payload type of its retransmission. @see RFC 4588 section 8.1 */
  readonly rtxPayloadType: number | undefined;
}

/** The value as text: sdp-transform makes a number of every decimal text, whatever its types say. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** The formats of an m-section in the order of its m-line; retransmission is a fact of what it repeats, and left out where that is unknown. */
export function offeredCodecs(media: MediaDescription): OfferedCodec[] {
  const maps = new Map(media.rtp.map((entry) => [entry.payload, entry]));
  const fmtps = new Map(media.fmtp.map(({ payload, config }) => [payload, textOf(config)]));
  const rtx = rtxOf(media, fmtps);
  const codecs: OfferedCodec[] = [];
  for (const payloadType of payloadTypes(media)) {
    const map = maps.get(payloadType);
    const name = map === undefined ? STATIC_FORMATS.get(payloadType)?.name : textOf(map.codec);
    const clockRateHz = map === undefined ? STATIC_FORMATS.get(payloadType)?.clockRateHz : Number(map.rate);
    if (name === undefined || clockRateHz === undefined || !Number.isInteger(clockRateHz) || isRtx(name)) continue;
    const fmtp = fmtps.get(payloadType);
    codecs.push({
      payloadType,
      name,
      clockRateHz,
      channels: channelsOf(map?.encoding),
      parameters: parametersOf(fmtp ?? ''),
      fmtp,
      feedback: feedbackOf(media, payloadType),
      rtxPayloadType: rtx.get(payloadType),
    });
  }
  return codecs;
}

function payloadTypes(media: MediaDescription): Set<number> {
  const words = textOf(media.payloads ?? '').split(' ');
  return new Set(words.filter((word) => /^\d{1,3}$/.test(word)).map(Number).filter((payloadType) => payloadType <= PAYLOAD_TYPE_MAX));
}

function rtxOf(media: MediaDescription, fmtps: ReadonlyMap<number, string>): Map<number, number> {
  const offered = payloadTypes(media);
  const rtx = new Map<number, number>();
  for (const { payload, codec } of media.rtp) {
    const repeats = Number(parametersOf(fmtps.get(payload) ?? '')['apt'] ?? NaN);
    if (isRtx(textOf(codec)) && offered.has(payload) && offered.has(repeats) && !rtx.has(repeats)) rtx.set(repeats, payload);
  }
  return rtx;
}

function isRtx(name: string): boolean {
  return name.toLowerCase() === 'rtx';
}

function channelsOf(encoding: unknown): number {
  const channels = Number(encoding ?? 1);
  return Number.isInteger(channels) && channels > 0 ? channels : 1;
}

function parametersOf(config: string): Record<string, string> {
  const entries = config.split(';', PARAMETERS_MAX).map((pair): [string, string] => {
    const mark = pair.indexOf('=');
    return mark < 0 ? [pair.trim().toLowerCase(), ''] : [pair.slice(0, mark).trim().toLowerCase(), pair.slice(mark + 1).trim()];
  });
  return Object.fromEntries(entries.filter(([name]) => name !== ''));
}

function feedbackOf(media: MediaDescription, payloadType: number): string[] {
  const own = (media.rtcpFb ?? []).filter(({ payload }) => payload === '*' || Number(payload) === payloadType);
  return own.map(({ type, subtype }) => (subtype === undefined ? textOf(type) : `${type} ${subtype}`));
}
