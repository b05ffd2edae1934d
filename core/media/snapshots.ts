/** Name under which pictures of running streams are provided. */
export const SNAPSHOTS = 'snapshot';

/** Takes pictures of running streams. */
export interface Snapshots {
  /**
   * The latest picture of a stream as PNG.
   *
   * @throws WcsError MEDIA_E_NOT_FOUND, or what keeps the picture from being made
   */
  take(streamName: string): Promise<Uint8Array>;
}
