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
