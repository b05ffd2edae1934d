/** What a track carries. */
export type MediaKind = 'audio' | 'video' | 'data';

interface CodecFacts {
  readonly kind: MediaKind;
  /** RTP clock of the codec; absent where it equals the sampling rate of the track. */
  readonly clockRateHz?: number;
}

/** Every codec that the bus carries, with its kind and its fixed RTP clock. @see RFC 3551 section 6 */
export const CODECS = {
  h264: { kind: 'video', clockRateHz: 90_000 },
  hevc: { kind: 'video', clockRateHz: 90_000 },
  av1: { kind: 'video', clockRateHz: 90_000 },
  vp8: { kind: 'video', clockRateHz: 90_000 },
  vp9: { kind: 'video', clockRateHz: 90_000 },
  h263: { kind: 'video', clockRateHz: 90_000 },
  vp6: { kind: 'video', clockRateHz: 90_000 },
  mpeg4: { kind: 'video', clockRateHz: 90_000 },
  mjpeg: { kind: 'video', clockRateHz: 90_000 },
  aac: { kind: 'audio' },
  opus: { kind: 'audio', clockRateHz: 48_000 },
  mp3: { kind: 'audio', clockRateHz: 90_000 },
  pcma: { kind: 'audio', clockRateHz: 8_000 },
  pcmu: { kind: 'audio', clockRateHz: 8_000 },
  // RFC 3551 section 4.5.2: the clock stays 8 kHz although G.722 samples at 16 kHz.
  g722: { kind: 'audio', clockRateHz: 8_000 },
  g729: { kind: 'audio', clockRateHz: 8_000 },
  speex: { kind: 'audio' },
  nellymoser: { kind: 'audio' },
  l16: { kind: 'audio' },
  json: { kind: 'data', clockRateHz: 90_000 },
} as const satisfies Record<string, CodecFacts>;

/** A codec of the table; `json` is timed metadata. */
export type Codec = keyof typeof CODECS;

/** The kind of track that a codec makes. */
export function kindOfCodec(codec: Codec): MediaKind {
  return CODECS[codec].kind;
}

/** RTP clock in Hz: fixed by the codec, or else the sampling rate of the track (48000 when that is unknown). */
export function clockRateOf(codec: Codec, sampleRateHz = 48_000): number {
  const facts: CodecFacts = CODECS[codec];
  return facts.clockRateHz ?? sampleRateHz;
}

/** True for the name of a codec of the table. */
export function isCodec(name: string): name is Codec {
  return Object.hasOwn(CODECS, name);
}
