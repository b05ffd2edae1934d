import { messageOf, ProtocolError, type PluginSession, type Publication, type UdpPeer } from 'wcs-core';
import { TsReader, type TsReaderCounters, type TsReaderSink, type TsReaderState, type TsUnit } from 'wcs-core/formats/mpegts-reader';

/** What goes on with a transport stream's content: the bridge to the media bus. */
export interface IngestSink extends TsReaderSink {
  /** Plain data for a successor. */
  exportState(): unknown;
}

/** Makes the bridge of a publication. */
export type SinkMaker = (publication: Publication, facts: IngestFacts, state: unknown) => IngestSink;

/** How a transport stream comes. */
export type Transport = 'udp' | 'srt';

/** What an ingest was asked for. */
export interface IngestFacts {
  readonly streamName: string;
  readonly transport: Transport;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  /** Empty: all may send. */
  readonly allowedList: readonly string[];
  readonly port: number;
  readonly uri: string;
}

/** Plain data of an `Ingest`. */
export interface IngestState {
  readonly facts: IngestFacts;
  readonly reader: TsReaderState;
  readonly sink: unknown;
  readonly sender: { readonly address: string; readonly port: number } | undefined;
  readonly bytesIn: number;
  readonly refused: number;
}

/** What an ingest works with. */
export interface IngestParts {
  readonly session: PluginSession;
  readonly publication: Publication;
  readonly sink: IngestSink;
  readonly senderSilenceMs: number;
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
  /** There is a new sender, whose datagrams are to come here also while the plugin is swapped. */
  readonly onSender?: (sender: UdpPeer | IngestSender) => void;
}

/** Where datagrams come from. */
export interface IngestSender {
  readonly address: string;
  readonly port: number;
}

const PACKET_BYTES = 188;
const SYNC_BYTE = 0x47;

/** One transport stream on its way to the media bus. */
export class Ingest {
  readonly facts: IngestFacts;
  readonly session: PluginSession;
  readonly #parts: IngestParts;
  readonly #reader: TsReader;
  #sender: IngestSender | undefined;
  #lastDatagramMs = -Infinity;
  #lastMediaMs: number;
  #hasMedia = false;
  #bytesIn: number;
  #refused: number;

  constructor(facts: IngestFacts, parts: IngestParts, state?: IngestState) {
    this.facts = facts;
    this.session = parts.session;
    this.#parts = parts;
    const { sink } = parts;
    this.#reader = new TsReader({ onProgram: (streams) => sink.onProgram(streams), onUnit: (unit) => this.#onUnit(unit) }, state?.reader);
    this.#sender = state?.sender;
    this.#bytesIn = state?.bytesIn ?? 0;
    this.#refused = state?.refused ?? 0;
    this.#lastMediaMs = parts.nowMs();
    if (this.#sender !== undefined) this.#lastDatagramMs = this.#lastMediaMs;
    parts.session.entry.update({ role: 'publish', streamName: facts.streamName, bytesIn: () => this.#bytesIn });
  }

  get publication(): Publication {
    return this.#parts.publication;
  }

  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** Datagrams that were none of the stream's: from elsewhere, or no transport stream. */
  get refused(): number {
    return this.#refused;
  }

  get sender(): IngestSender | undefined {
    return this.#sender;
  }

  get counters(): TsReaderCounters {
    return this.#reader.counters;
  }

  /** Media has come. */
  get isPublishing(): boolean {
    return this.#hasMedia;
  }

  /** Since the last media, or since the start. */
  get silentMs(): number {
    return this.#parts.nowMs() - this.#lastMediaMs;
  }

  exportState(): IngestState {
    return { facts: this.facts, reader: this.#reader.exportState(), sink: this.#parts.sink.exportState(), sender: this.#sender, bytesIn: this.#bytesIn, refused: this.#refused };
  }

  /** Takes a datagram: only whole packets, and only from the one who sent the first, until he has been silent. */
  datagram(data: Uint8Array, from: IngestSender): void {
    if (!isTransportStream(data) || !this.#isSender(from)) return void (this.#refused += 1);
    this.#lastDatagramMs = this.#parts.nowMs();
    this.push(data);
  }

  /** Takes the next bytes of the stream. */
  push(data: Uint8Array): void {
    this.#bytesIn += data.length;
    this.#reader.push(data);
  }

  #isSender(from: IngestSender): boolean {
    const { allowedList } = this.facts;
    const sender = this.#sender;
    if (sender?.port === from.port && sender.address === from.address) return true;
    if (allowedList.length > 0 && !allowedList.includes(from.address)) return false;
    if (sender !== undefined && this.#parts.nowMs() - this.#lastDatagramMs < this.#parts.senderSilenceMs) return false;
    this.#sender = { address: from.address, port: from.port };
    this.session.log.info('MPEG-TS: a sender is taken', { stream: this.facts.streamName, peer: `${from.address}:${from.port}` });
    this.#parts.onSender?.(this.#sender);
    return true;
  }

  /** A unit that makes no sense is the sender's fault: it is left out. */
  #onUnit(unit: TsUnit): void {
    this.#lastMediaMs = this.#parts.nowMs();
    if (!this.#hasMedia) this.session.entry.update({ state: 'PUBLISHING' });
    this.#hasMedia = true;
    try {
      this.#parts.sink.onUnit(unit);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.session.log.warn('MPEG-TS: a unit is left out', { stream: this.facts.streamName, pid: unit.pid, reason: messageOf(error) });
    }
  }
}

function isTransportStream(data: Uint8Array): boolean {
  if (data.length === 0 || data.length % PACKET_BYTES !== 0) return false;
  for (let at = 0; at < data.length; at += PACKET_BYTES) if (data[at] !== SYNC_BYTE) return false;
  return true;
}
