/** What FLV and RTMP video messages carry; `screen` and the VP6 forms are recognised, not explained. */
export type FlvVideoCodec = 'h264' | 'h265' | 'h266' | 'av1' | 'vp8' | 'vp9' | 'h263' | 'vp6' | 'vp6a' | 'screen' | 'screen2';
/** What FLV and RTMP audio messages carry. */
export type FlvAudioCodec = 'aac' | 'mp3' | 'opus' | 'flac' | 'ac3' | 'eac3' | 'pcma' | 'pcmu' | 'speex' | 'pcm' | 'adpcm' | 'nellymoser';

interface TrackPart {
  /** 0 where the message names no track. */
  readonly trackId: number;
  /** Nanoseconds (0 to 999,999) to add to the message's time stamp. @see Enhanced RTMP v2, ModEx */
  readonly timestampOffsetNs: number;
  /** The bytes behind all headers; parsed ones share memory with the message. */
  readonly data: Uint8Array;
}

interface VideoPart extends TrackPart {
  readonly type: 'video';
  readonly codec: FlvVideoCodec;
}

/** One track's part of a video message. */
export type FlvVideoPacket =
  /** Decoder configuration: a configuration record (avcC, hvcC, av1C, vpcC...), or for AV1 the MPEG-2 TS descriptor. */
  | (VideoPart & { readonly packet: 'config'; readonly format: 'record' | 'mpeg2ts' })
  /** A coded picture; `compositionTimeMs` (pts - dts) may be negative. */
  | (VideoPart & { readonly packet: 'frame'; readonly key: boolean; readonly disposable: boolean; readonly compositionTimeMs: number })
  | (VideoPart & { readonly packet: 'end' })
  /** AMF0 values such as `colorInfo` in `data`. */
  | (VideoPart & { readonly packet: 'metadata' });

/** A video message that holds a command to the player, not pictures: 0 starts, 1 ends a client-side seek. */
export interface FlvVideoCommand {
  readonly type: 'video';
  readonly packet: 'command';
  readonly command: number;
}

/** What the one-byte legacy header tells of the sound; it is fixed by the codec for some, so not always what the bits say. */
export interface FlvSound {
  readonly sampleRateHz: number;
  readonly bitsPerSample: 8 | 16;
  readonly channels: 1 | 2;
}

interface AudioPart extends TrackPart {
  readonly type: 'audio';
  readonly codec: FlvAudioCodec;
}

/** Where the channels of a track belong. @see Enhanced RTMP v2, AudioChannelOrder */
export type FlvChannelLayout =
  | { readonly order: 'unspecified'; readonly channels: number }
  /** `mask` has one bit for each speaker present. */
  | { readonly order: 'native'; readonly channels: number; readonly mask: number }
  /** One speaker number for each channel. */
  | { readonly order: 'custom'; readonly channels: number; readonly speakers: Uint8Array };

/** One track's part of an audio message. */
export type FlvAudioPacket =
  | (AudioPart & { readonly packet: 'config' })
  /** Coded sound; `sound` is undefined where the codec's own configuration tells (AAC and all enhanced forms). */
  | (AudioPart & { readonly packet: 'frame'; readonly sound: FlvSound | undefined })
  | (AudioPart & { readonly packet: 'end' })
  | (AudioPart & { readonly packet: 'channels'; readonly layout: FlvChannelLayout });

/** A body to be written chunk after chunk: headers of ours and the caller's payloads, which are not copied. */
export type FlvBody = readonly Uint8Array[];

/** The length of a body in bytes. */
export function flvBodyLength(body: FlvBody): number {
  let length = 0;
  for (const chunk of body) length += chunk.length;
  return length;
}
