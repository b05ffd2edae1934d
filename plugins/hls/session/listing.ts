import type { ListedPart, ListedSegment, MediaPlaylist } from '../wire/media-playlist.ts';
import { fileName, type Container } from '../wire/request-path.ts';
import type { SegmentStore, StoredPart, StoredSegment } from './segment-store.ts';
import type { Timing } from './timing.ts';

/** What the list says of a presentation beside its segments. */
interface Listing {
  readonly container: Container;
  readonly timing: Timing;
  readonly token: string;
  readonly ended: boolean;
}

/** The boundary of deltas, in target durations. @see RFC 8216bis section 4.4.3.8 */
const SKIP_TARGETS = 6;
/** How long parts stay listed, in target durations. @see RFC 8216bis section 4.4.4.9 */
const PART_TARGETS = 3;

/** The present state of a presentation as a playlist lists it. */
export function listPresentation(listing: Listing, store: Pick<SegmentStore, 'listed' | 'open' | 'openMsn' | 'discontinuitySequence'>): MediaPlaylist {
  const { timing, container, ended, token } = listing;
  const { listed, open, openMsn, discontinuitySequence } = store;
  const isLowLatency = container === 'fmp4' && !ended;
  const partsFromUs = PART_TARGETS * timing.targetDurationS * 1_000_000;
  let behindUs = 0;
  const segments: ListedSegment[] = [];
  for (const segment of listed.toReversed()) {
    segments.unshift(listSegment(listing, segment, isLowLatency && behindUs < partsFromUs));
    behindUs += segment.durationUs;
  }
  const base = { targetDurationS: timing.targetDurationS, mediaSequence: listed[0]?.msn ?? openMsn, discontinuitySequence, segments, ended };
  if (!isLowLatency) return base;
  return {
    ...base,
    lowLatency: {
      partTargetUs: timing.partTargetUs,
      canSkipUntilUs: SKIP_TARGETS * timing.targetDurationS * 1_000_000,
      hintUri: fileName({ type: 'part', token, msn: openMsn, part: open?.parts.length ?? 0 }),
      ...(open === undefined ? {} : { open: listSegment(listing, open, true) }),
    },
  };
}

/** The extension of a container's segments. */
export function extensionOf(container: Container): 'm4s' | 'ts' {
  return container === 'fmp4' ? 'm4s' : 'ts';
}

function listSegment({ token, container }: Listing, segment: StoredSegment, withParts: boolean): ListedSegment {
  const { msn, durationUs, programDateTimeMs, discontinuity, gap, initId } = segment;
  const listPart = (part: StoredPart, index: number): ListedPart => ({
    uri: fileName({ type: 'part', token, msn, part: index }),
    durationUs: part.durationUs,
    independent: part.independent,
    gap: part.data === undefined,
  });
  return {
    uri: fileName({ type: 'segment', token, msn, extension: extensionOf(container) }),
    durationUs,
    programDateTimeMs,
    discontinuity,
    gap,
    ...(initId === undefined ? {} : { mapUri: fileName({ type: 'init', token, id: initId }) }),
    parts: withParts ? segment.parts.map(listPart) : [],
  };
}
