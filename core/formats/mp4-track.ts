interface TrackBase {
  /** Track id, 1 to 2^32 - 2, unique in the presentation. */
  readonly id: number;
  /** Ticks a second of all times of the track. */
  readonly timescaleHz: number;
  /**
   * What a decoder needs before the first sample, without any box header: AVCDecoderConfigurationRecord,
   * HEVCDecoderConfigurationRecord, AV1CodecConfigurationRecord, VPCodecConfigurationRecord, AudioSpecificConfig or
   * the content of `dOps`. Empty for MP3.
   */
  readonly codecConfig: Uint8Array;
}

/** A video track of an ISO base media file; AVC and HEVC samples are length-prefixed NAL units. */
export interface Mp4VideoTrack extends TrackBase {
  readonly kind: 'video';
  readonly codec: 'h264' | 'hevc' | 'av1' | 'vp8' | 'vp9';
  /** Picture size in pixels. */
  readonly width: number;
  readonly height: number;
}

/** An audio track of an ISO base media file; AAC samples are raw access units without ADTS headers. */
export interface Mp4AudioTrack extends TrackBase {
  readonly kind: 'audio';
  readonly codec: 'aac' | 'opus' | 'mp3';
  readonly sampleRateHz: number;
  readonly channels: number;
}

/** One track as `encodeInitSegment` describes it. */
export type Mp4Track = Mp4VideoTrack | Mp4AudioTrack;

/** What is known of a track from elsewhere. */
export interface Mp4Source {
  readonly codec: string;
  readonly clockRateHz: number;
  readonly codecConfig?: Uint8Array;
  readonly width?: number;
  readonly height?: number;
  readonly sampleRateHz?: number;
  readonly channels?: number;
}

/** The timescale of every video track: the clock of its RTP form. */
export const VIDEO_TIMESCALE_HZ = 90_000;

/** Describes a track for `encodeInitSegment`; undefined when MP4 has no place for its codec. A track of sound ticks at its sampling rate. */
export function mp4TrackOf(source: Mp4Source, id: number): Mp4Track | undefined {
  const { codec, codecConfig = new Uint8Array() } = source;
  switch (codec) {
    case 'h264':
    case 'hevc':
    case 'av1':
    case 'vp9':
      return { kind: 'video', id, timescaleHz: VIDEO_TIMESCALE_HZ, codecConfig, codec, width: source.width ?? 0, height: source.height ?? 0 };
    case 'aac':
    case 'opus':
    case 'mp3': {
      const sampleRateHz = source.sampleRateHz ?? source.clockRateHz;
      return { kind: 'audio', id, timescaleHz: sampleRateHz, codecConfig, codec, sampleRateHz, channels: source.channels ?? 2 };
    }
    default:
      return undefined;
  }
}
