/** A part as a playlist lists it. */
export interface ListedPart {
  readonly uri: string;
  readonly durationUs: number;
  readonly independent: boolean;
  readonly gap: boolean;
}

/** A segment as a playlist lists it: whole, or in the making with the parts that it has. */
export interface ListedSegment {
  readonly uri: string;
  readonly durationUs: number;
  /** Milliseconds since the epoch of its first sample. */
  readonly programDateTimeMs: number;
  readonly discontinuity: boolean;
  readonly gap: boolean;
  /** Init segment; told where it differs from the one before. */
  readonly mapUri?: string;
  /** Empty when the parts are no longer listed. */
  readonly parts: readonly ListedPart[];
}

/** One version of a media playlist. Durations are integer microseconds, so that parts add up to their segment. */
export interface MediaPlaylist {
  readonly targetDurationS: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly segments: readonly ListedSegment[];
  readonly ended: boolean;
  /** Present when the list is one of the low-latency kind. */
  readonly lowLatency?: {
    readonly partTargetUs: number;
    /** Distance from the end of the last whole segment beyond which a delta leaves segments out. */
    readonly canSkipUntilUs: number;
    /** The segment in the making. */
    readonly open?: ListedSegment;
    /** The part that comes next. */
    readonly hintUri?: string;
  };
}

/** How a version is written. */
export interface PlaylistForm {
  /** Leave older segments out. */
  readonly delta: boolean;
  /** Appended to every URI: the viewer's own parameters with a leading `?`, or nothing. */
  readonly uriSuffix: string;
}

/** A list whose segments have a MAP. @see RFC 8216bis section 8 */
const VERSION_MAP = 6;
/** Parsers ask for this where there are gaps. */
const VERSION_GAP = 8;
const VERSION_SKIP = 9;
const VERSION_PLAIN = 3;
/** PART-HOLD-BACK in part targets. @see RFC 8216bis appendix B.1 */
const HOLD_BACK_PARTS = 3;

/** Writes a media playlist; the same input gives the same text. @see RFC 8216bis section 4 */
export function writeMediaPlaylist(playlist: MediaPlaylist, form: PlaylistForm): string {
  const skipped = form.delta ? skippableSegments(playlist) : 0;
  const lines = ['#EXTM3U', `#EXT-X-VERSION:${versionOf(playlist, skipped)}`, `#EXT-X-TARGETDURATION:${playlist.targetDurationS}`];
  const { lowLatency } = playlist;
  if (lowLatency !== undefined) {
    const { partTargetUs, canSkipUntilUs } = lowLatency;
    const control = [`CAN-BLOCK-RELOAD=YES`, `PART-HOLD-BACK=${seconds(HOLD_BACK_PARTS * partTargetUs)}`, `CAN-SKIP-UNTIL=${seconds(canSkipUntilUs)}`];
    lines.push(`#EXT-X-SERVER-CONTROL:${control.join(',')}`, `#EXT-X-PART-INF:PART-TARGET=${seconds(partTargetUs)}`);
  }
  lines.push(`#EXT-X-MEDIA-SEQUENCE:${playlist.mediaSequence}`, `#EXT-X-DISCONTINUITY-SEQUENCE:${playlist.discontinuitySequence}`);
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);

  let mapUri = skipped > 0 ? playlist.segments[skipped - 1]?.mapUri : undefined;
  for (const segment of playlist.segments.slice(skipped)) {
    writeSegmentHead(lines, segment, mapUri, form.uriSuffix);
    mapUri = segment.mapUri;
    if (segment.gap) lines.push('#EXT-X-GAP');
    lines.push(`#EXTINF:${seconds(segment.durationUs)},`, segment.uri + form.uriSuffix);
  }
  if (lowLatency?.open !== undefined) writeSegmentHead(lines, lowLatency.open, mapUri, form.uriSuffix);
  if (playlist.ended) lines.push('#EXT-X-ENDLIST');
  else if (lowLatency?.hintUri !== undefined) lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${lowLatency.hintUri}${form.uriSuffix}"`);
  lines.push('');
  return lines.join('\n');
}

/** How many segments a delta leaves out: those that are further than the boundary from the end of the last whole one. */
export function skippableSegments({ segments, lowLatency, ended }: MediaPlaylist): number {
  if (lowLatency === undefined || ended) return 0;
  let distanceUs = 0;
  for (let index = segments.length - 1; index >= 0; index--) {
    if (distanceUs >= lowLatency.canSkipUntilUs) return index + 1;
    distanceUs += segments[index]?.durationUs ?? 0;
  }
  return 0;
}

/** Everything of a segment that stands before its EXTINF: what begins with it, then its parts. */
function writeSegmentHead(lines: string[], segment: ListedSegment, mapBefore: string | undefined, suffix: string): void {
  if (segment.discontinuity) lines.push('#EXT-X-DISCONTINUITY');
  if (segment.mapUri !== undefined && segment.mapUri !== mapBefore) lines.push(`#EXT-X-MAP:URI="${segment.mapUri}${suffix}"`);
  lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(segment.programDateTimeMs).toISOString()}`);
  for (const part of segment.parts) {
    const flags = `${part.independent ? ',INDEPENDENT=YES' : ''}${part.gap ? ',GAP=YES' : ''}`;
    lines.push(`#EXT-X-PART:DURATION=${seconds(part.durationUs)},URI="${part.uri}${suffix}"${flags}`);
  }
}

function versionOf({ segments, lowLatency }: MediaPlaylist, skipped: number): number {
  if (skipped > 0) return VERSION_SKIP;
  if ([...segments, lowLatency?.open].some((segment) => segment?.gap === true || segment?.parts.some(({ gap }) => gap) === true)) return VERSION_GAP;
  const hasMap = [...segments, lowLatency?.open].some((segment) => segment?.mapUri !== undefined);
  return hasMap ? VERSION_MAP : VERSION_PLAIN;
}

/** Exact decimal seconds, at least three places. */
function seconds(us: number): string {
  return (us / 1_000_000).toFixed(6).replace(/0{1,3}$/, '');
}
