/** A file that an operator wants as a stream. */
export interface CaptureWish {
  readonly uri: string;
  /** Default: the URI. */
  readonly localStreamName?: string | undefined;
  /** Default: the setting. */
  readonly loop?: boolean | undefined;
}

/** The WCS agent object of a file that is played. */
export interface CaptureRow {
  readonly localMediaSessionId: string;
  readonly localStreamName: string;
  readonly uri: string;
  readonly status: 'PROCESSED_LOCAL';
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  readonly record: boolean;
  readonly loop: boolean;
}

/** The files that are played. */
export interface Captures {
  /** @throws WcsError MEDIA_E_NAME_IN_USE, MEDIA_E_FILE with the documented text, MEDIA_E_BUSY, MEDIA_E_NAME_INVALID */
  startCapture(wish: CaptureWish): Promise<CaptureRow>;
  list(): readonly CaptureRow[];
  terminate(streamName: string): void;
}
