import type { Codec } from './codecs.ts';
import type { MediaFrame, MediaPacket } from './frame.ts';
import { isSameFormat, type TrackDescriptor } from './track.ts';

/** One running conversion of one track revision. */
export interface PlaneConversion<In> {
  /** Takes the next frame or packet and emits what it makes of it in the same call or a later one. */
  write(item: In): void;
  close(): void;
}

/** Makes RTP packets of frames. */
export interface Packetiser {
  readonly type: 'packetiser';
  readonly codecs: readonly Codec[];
  open(track: TrackDescriptor, emit: (packet: MediaPacket) => void): PlaneConversion<MediaFrame>;
}

/** Makes frames of RTP packets. */
export interface Depacketiser {
  readonly type: 'depacketiser';
  readonly codecs: readonly Codec[];
  open(track: TrackDescriptor, emit: (frame: MediaFrame) => void): PlaneConversion<MediaPacket>;
}

/** A conversion between the two planes of a track. */
export type PlaneConverter = Packetiser | Depacketiser;

/** The converters that the kernel knows; the newest for a codec wins. */
export class ConverterRegistry {
  #converters: readonly PlaneConverter[] = [];

  register(converter: PlaneConverter): () => void {
    this.#converters = [converter, ...this.#converters];
    return () => void (this.#converters = this.#converters.filter((other) => other !== converter));
  }

  packetiser(codec: Codec): Packetiser | undefined {
    return this.#converters.find((converter): converter is Packetiser => converter.type === 'packetiser' && converter.codecs.includes(codec));
  }

  depacketiser(codec: Codec): Depacketiser | undefined {
    return this.#converters.find((converter): converter is Depacketiser => converter.type === 'depacketiser' && converter.codecs.includes(codec));
  }
}

interface Running<In> {
  readonly track: TrackDescriptor;
  /** Undefined where no converter is known, so that the search isn't made per frame. */
  readonly conversion: PlaneConversion<In> | undefined;
}

interface ConversionsOptions<In> {
  /** Opens a conversion, or answers undefined where none is known. */
  readonly open: (track: TrackDescriptor) => PlaneConversion<In> | undefined;
  readonly onMissing: (track: TrackDescriptor) => void;
  readonly onFault: (error: unknown, track: TrackDescriptor) => void;
}

/** The conversions of one stream in one direction: made at the first item of a track, shared by every reader, closed together. */
export class TrackConversions<In extends { readonly track: TrackDescriptor }> {
  readonly #options: ConversionsOptions<In>;
  readonly #running = new Map<string, Running<In>>();

  constructor(options: ConversionsOptions<In>) {
    this.#options = options;
  }

  get size(): number {
    return this.#running.size;
  }

  write(item: In): void {
    const running = this.#running.get(item.track.id);
    const current = running !== undefined && isSameFormat(item.track, running.track) ? running : this.#start(item.track);
    if (current.conversion === undefined) return;
    try {
      current.conversion.write(item);
    } catch (error) {
      this.#options.onFault(error, item.track);
    }
  }

  close(): void {
    for (const trackId of [...this.#running.keys()]) this.#stop(trackId);
  }

  #start(track: TrackDescriptor): Running<In> {
    this.#stop(track.id);
    const running = { track, conversion: this.#open(track) };
    this.#running.set(track.id, running);
    return running;
  }

  #open(track: TrackDescriptor): PlaneConversion<In> | undefined {
    try {
      const conversion = this.#options.open(track);
      if (conversion === undefined) this.#options.onMissing(track);
      return conversion;
    } catch (error) {
      this.#options.onFault(error, track);
      return undefined;
    }
  }

  #stop(trackId: string): void {
    const running = this.#running.get(trackId);
    this.#running.delete(trackId);
    try {
      running?.conversion?.close();
    } catch (error) {
      if (running !== undefined) this.#options.onFault(error, running.track);
    }
  }
}
