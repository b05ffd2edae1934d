import { ProtocolError } from '../errors/wcs-error.ts';
import { MAX_SAMPLE_BYTES } from './media-file.ts';
import { MATROSKA_ID } from './matroska-ids.ts';
import { framesOf, parseBlockHead } from './matroska-reader-blocks.ts';
import { contentOf, ELEMENT_HEAD_BYTES, floatOf, parseElementHead, uintOf, unsigned, vintBytes, type EbmlElement, type ElementHead } from './matroska-reader-ebml.ts';
import { NEED_MORE, type NeedMore } from './need-more.ts';
import { PieceQueue } from './piece-queue.ts';

/** What the head of a stream says of its one track. */
export interface StreamedTrack {
  readonly codecPrivate: Uint8Array | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly sampleRateHz: number | undefined;
  readonly channels: number | undefined;
}

/** One unit. */
export interface StreamedBlock {
  readonly ptsUs: number;
  readonly key: boolean;
  readonly data: Uint8Array;
}

/** Told what comes. */
export interface MatroskaStreamSink {
  /** Before the first block. */
  onTrack(track: StreamedTrack): void;
  onBlock(block: StreamedBlock): void;
}

const DEFAULT_TICK_NS = 1_000_000;
/** Elements whose content is elements that are looked at. */
const CONTAINERS: ReadonlySet<number> = new Set([
  MATROSKA_ID.segment, MATROSKA_ID.info, MATROSKA_ID.tracks, MATROSKA_ID.trackEntry, MATROSKA_ID.video, MATROSKA_ID.audio, MATROSKA_ID.cluster, MATROSKA_ID.blockGroup,
]);
const FACTS: ReadonlySet<number> = new Set([
  MATROSKA_ID.timestampScale, MATROSKA_ID.codecPrivate, MATROSKA_ID.pixelWidth, MATROSKA_ID.pixelHeight, MATROSKA_ID.samplingFrequency, MATROSKA_ID.channels,
]);

/** Reads a live file with one track, as ffmpeg writes it to a pipe, in pieces of any length. @see RFC 9559 */
export class MatroskaStreamReader {
  readonly #sink: MatroskaStreamSink;
  readonly #queue = new PieceQueue();
  /** Of an element that is of no interest. */
  #skipBytes = 0;
  /** So much is waited for: the head of an element, then all of it. */
  #wantedBytes = 2;
  #facts: EbmlElement[] = [];
  #tickUs = DEFAULT_TICK_NS / 1000;
  #clusterTicks = 0;
  #told = false;

  constructor(sink: MatroskaStreamSink) {
    this.#sink = sink;
  }

  /** @throws ProtocolError for what is no Matroska */
  push(chunk: Buffer): void {
    this.#queue.push(chunk);
    while (this.#step());
  }

  /** Takes one element, or the head of one that holds others; false when it isn't all there. */
  #step(): boolean {
    this.#skipBytes -= this.#queue.skip(this.#skipBytes);
    const bytes = this.#queue.peek(this.#wantedBytes);
    if (bytes === undefined) return false;
    const head = elementHeadIn(bytes);
    if (head === NEED_MORE) return this.#wait(bytes.length + 1);
    const { id, headBytes, bytes: size } = head;
    if (CONTAINERS.has(id)) return this.#takeAway(headBytes);
    if (size === undefined) throw new ProtocolError(`An element ${id.toString(16)} of unknown size`);
    if (id !== MATROSKA_ID.timestamp && id !== MATROSKA_ID.simpleBlock && id !== MATROSKA_ID.block && !FACTS.has(id)) {
      this.#skipBytes = size;
      return this.#takeAway(headBytes);
    }
    if (size > MAX_SAMPLE_BYTES) throw new ProtocolError(`A Matroska element of ${size} bytes`);
    if (bytes.length < headBytes + size) return this.#wait(headBytes + size);
    this.#takeAway(headBytes + size);
    this.#take({ id, content: bytes.subarray(headBytes, headBytes + size) });
    return true;
  }

  #takeAway(count: number): true {
    this.#queue.skip(count);
    this.#wantedBytes = 2;
    return true;
  }

  /** True where so much is there already. */
  #wait(bytes: number): boolean {
    this.#wantedBytes = bytes;
    return this.#queue.length >= bytes;
  }

  #take(element: EbmlElement): void {
    if (element.id === MATROSKA_ID.timestamp) this.#clusterTicks = unsigned(element.content);
    else if (FACTS.has(element.id)) this.#facts.push({ id: element.id, content: Uint8Array.from(element.content) });
    else this.#onBlock(element);
  }

  #onBlock({ id, content }: EbmlElement): void {
    if (!this.#told) this.#tell();
    const head = parseBlockHead(content);
    const ptsUs = Math.round((this.#clusterTicks + head.ticks) * this.#tickUs);
    // Only a simple block says itself whether it is a key frame; ffmpeg writes others for what isn't video.
    const key = id === MATROSKA_ID.block || head.key;
    for (const data of framesOf(content, head)) this.#sink.onBlock({ ptsUs, key, data });
  }

  #tell(): void {
    const facts = this.#facts;
    const optional = (id: number): number | undefined => (contentOf(facts, id) === undefined ? undefined : uintOf(facts, id, 0));
    this.#tickUs = uintOf(facts, MATROSKA_ID.timestampScale, DEFAULT_TICK_NS) / 1000;
    this.#told = true;
    this.#sink.onTrack({
      codecPrivate: contentOf(facts, MATROSKA_ID.codecPrivate),
      width: optional(MATROSKA_ID.pixelWidth),
      height: optional(MATROSKA_ID.pixelHeight),
      sampleRateHz: floatOf(facts, MATROSKA_ID.samplingFrequency),
      channels: optional(MATROSKA_ID.channels),
    });
    this.#facts = [];
  }
}

/** The head of the element at the start of `bytes`, as soon as it is all there. @throws ProtocolError */
function elementHeadIn(bytes: Uint8Array): ElementHead | NeedMore {
  const idBytes = vintBytes(bytes[0]);
  if (bytes.length <= idBytes || bytes.length < idBytes + vintBytes(bytes[idBytes])) return NEED_MORE;
  return parseElementHead(bytes.subarray(0, ELEMENT_HEAD_BYTES), 0);
}
