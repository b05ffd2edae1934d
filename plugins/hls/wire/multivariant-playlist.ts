/** One variant of a presentation. @see RFC 8216bis section 4.4.6.2 */
export interface Variant {
  /** Relative to the multivariant playlist. */
  readonly uri: string;
  /** Bits a second: the peak of a segment, and the mean. */
  readonly bandwidthBps: number;
  readonly averageBandwidthBps: number;
  /** RFC 6381 strings, video first. */
  readonly codecs: readonly string[];
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
}

/** Writes a multivariant playlist of the variants in the order given. */
export function writeMultivariantPlaylist(variants: readonly Variant[]): string {
  const lines = ['#EXTM3U', '#EXT-X-VERSION:6'];
  for (const variant of variants) {
    const attributes = [`BANDWIDTH=${Math.ceil(variant.bandwidthBps)}`, `AVERAGE-BANDWIDTH=${Math.ceil(variant.averageBandwidthBps)}`];
    if (variant.codecs.length > 0) attributes.push(`CODECS="${variant.codecs.join(',')}"`);
    if (variant.width !== undefined && variant.height !== undefined) attributes.push(`RESOLUTION=${variant.width}x${variant.height}`);
    if (variant.frameRate !== undefined) attributes.push(`FRAME-RATE=${variant.frameRate.toFixed(3)}`);
    lines.push(`#EXT-X-STREAM-INF:${attributes.join(',')}`, variant.uri);
  }
  lines.push('');
  return lines.join('\n');
}
