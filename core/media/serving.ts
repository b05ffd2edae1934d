import { messageOf, type WcsError } from '../errors/wcs-error.ts';
import type { DerivedTrack, DerivedTracks } from './derived-tracks.ts';
import { negotiate, noCommonCodec, type Acceptance, type ConversionNeed } from './negotiate.ts';
import type { MediaLog } from './runtime.ts';
import type { Reader } from './subscription.ts';
import type { TrackDescriptor } from './track.ts';

/** What a reader gets: tracks as they are, and tracks made for it. */
interface Served {
  readonly plain: readonly TrackDescriptor[];
  readonly derived: readonly DerivedTrack[];
}

/** What the serving of a stream needs of it. */
export interface ServingHost {
  readonly streamName: string;
  readonly derived: DerivedTracks;
  readonly log: MediaLog;
  /** The tracks that a reader may choose from. */
  offerFor(reader: Reader): readonly TrackDescriptor[];
}

/** Which reader of a stream gets which tracks. */
export class Serving {
  readonly #host: ServingHost;
  readonly #servedOf = new Map<Reader, Served>();

  constructor(host: ServingHost) {
    this.#host = host;
  }

  /**
   * Decides what a reader gets from now on, and starts the conversions for it; answers what has to be left out.
   *
   * @throws WcsError for a reader that is to be refused, and changes nothing
   */
  negotiate(reader: Reader, accept: readonly Acceptance[] | undefined): readonly ConversionNeed[] {
    const derived: DerivedTrack[] = [];
    const omitted: ConversionNeed[] = [];
    const { tracks, conversions } = negotiate(this.#host.offerFor(reader), accept);
    const plain = [...tracks];
    for (const need of conversions) {
      const track = this.#derive(reader, need);
      if (track !== undefined) derived.push(track);
      else if (need.optional === true) plain.push(need.track);
      else if (reader.onMismatch === 'refuse') throw noCommonCodec(need);
      else omitted.push(need);
    }
    const [unmet] = omitted;
    const isEmpty = plain.length + derived.length === 0;
    if (reader.onMismatch === 'omitSome' && reader.state === 'waiting' && isEmpty && unmet !== undefined) throw noCommonCodec(unmet);
    reader.accept = accept;
    const before = this.#servedOf.get(reader)?.derived ?? [];
    this.#servedOf.set(reader, { plain, derived });
    for (const track of derived) this.#host.derived.retain(track);
    for (const track of before) this.#host.derived.release(track);
    return omitted;
  }

  /** The tracks of a reader; undefined while a transcoder hasn't said yet what it makes. */
  tracksFor(reader: Reader): readonly TrackDescriptor[] | undefined {
    const { plain, derived } = this.#servedOf.get(reader) ?? { plain: [], derived: [] };
    const made = derived.flatMap(({ descriptor }) => (descriptor === undefined ? [] : [descriptor]));
    // Who reads already gets what there is.
    return made.length < derived.length && reader.state !== 'active' ? undefined : [...plain, ...made];
  }

  readersOf(track: DerivedTrack): Reader[] {
    return [...this.#servedOf].flatMap(([reader, { derived }]) => (derived.includes(track) ? [reader] : []));
  }

  forget(reader: Reader): void {
    for (const track of this.#servedOf.get(reader)?.derived ?? []) this.#host.derived.release(track);
    this.#servedOf.delete(reader);
  }

  /** @see Stream.refusalOf */
  refusalOf(offer: readonly TrackDescriptor[], accept: readonly Acceptance[]): WcsError | undefined {
    const { tracks, conversions } = negotiate(offer, accept);
    const unmet = conversions.filter((need) => need.optional !== true && !this.#host.derived.canServe(need));
    const [first] = unmet;
    return tracks.length > 0 || first === undefined || unmet.length < conversions.length ? undefined : noCommonCodec(first);
  }

  /** A transcoder that refuses is one that isn't there, for readers that can do without. */
  #derive(reader: Reader, need: ConversionNeed): DerivedTrack | undefined {
    try {
      return this.#host.derived.ensure(need);
    } catch (error) {
      if (need.optional !== true && reader.onMismatch === 'refuse') throw error;
      this.#host.log.warn('a track could not be converted', { stream: this.#host.streamName, trackId: need.track.id, to: need.to[0], reason: messageOf(error) });
      return undefined;
    }
  }
}
