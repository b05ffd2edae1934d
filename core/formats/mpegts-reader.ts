import { PesAssembler, type PesPacket, type PesState } from './mpegts-pes-reader.ts';
import { TS_CLOCK_WRAP } from './mpegts-pes.ts';
import { parsePat, parsePmt, SectionAssembler, tolerant, type TsInputCodec, type TsInputStream } from './mpegts-sections.ts';
import { TS_PACKET_BYTES } from './mpegts-stream.ts';

export type { TsInputCodec, TsInputStream } from './mpegts-sections.ts';

/** What one PES packet of a stream carried: an access unit of video, or one or more frames of sound, as they are in a transport stream. */
export interface TsUnit {
  readonly pid: number;
  readonly codec: TsInputCodec;
  /** In 1/90000 s, unwrapped: continues through the wrap of the 33-bit clock. Absent where the stream tells no time. */
  readonly pts90k: number | undefined;
  readonly dts90k: number | undefined;
  readonly data: Uint8Array;
  /** Something was lost before it, or its clock jumps. */
  readonly discontinuity: boolean;
}

/** Where a transport stream goes. */
export interface TsReaderSink {
  /** The program is known, or has changed. */
  onProgram(streams: readonly TsInputStream[]): void;
  onUnit(unit: TsUnit): void;
}

/** What was wrong with a transport stream so far. */
export interface TsReaderCounters {
  readonly packets: number;
  /** Places where packets of a stream are missing. */
  readonly gaps: number;
  /** Bytes passed over to find the next packet. */
  readonly skippedBytes: number;
  /** Packets marked as erroneous or scrambled. */
  readonly unusable: number;
  /** PES packets that were cut, too long or none. */
  readonly damaged: number;
}

/** All that a successor needs to go on with a transport stream in the middle of a packet; plain data. */
export interface TsReaderState {
  readonly rest: Uint8Array;
  readonly program: number | undefined;
  readonly pmtPid: number | undefined;
  readonly clockPid: number | undefined;
  readonly streams: readonly TsInputStream[];
  readonly lanes: readonly { readonly pid: number; readonly pes: PesState; readonly discontinuity: boolean }[];
  readonly continuity: readonly (readonly [pid: number, counter: number])[];
  readonly last90k: number | undefined;
  readonly clock90k: number | undefined;
  readonly counters: TsReaderCounters;
}

interface Lane {
  readonly stream: TsInputStream & { readonly codec: TsInputCodec };
  readonly pes: PesAssembler;
  discontinuity: boolean;
}

const SYNC_BYTE = 0x47;
const PAT_PID = 0;
const NULL_PID = 0x1fff;
const HEADER_BYTES = 4;
const FLAG = { error: 0x80, start: 0x40, scrambled: 0xc0, adaptation: 0x20, payload: 0x10 } as const;
const ADAPTATION_FLAG = { discontinuity: 0x80, clock: 0x10 } as const;
const NONE: TsReaderCounters = { packets: 0, gaps: 0, skippedBytes: 0, unusable: 0, damaged: 0 };

/**
 * Takes a transport stream apart, however its bytes are split: finds the first program, follows its map, and gives the
 * units of its streams. What is broken is counted and left out; nothing that comes in makes it throw.
 *
 * @see ISO/IEC 13818-1 section 2.4
 */
export class TsReader {
  readonly #sink: TsReaderSink;
  readonly #pat = new SectionAssembler((section) => this.#takePat(section));
  #pmt = new SectionAssembler((section) => this.#takePmt(section));
  readonly #lanes = new Map<number, Lane>();
  readonly #continuity: Map<number, number>;
  readonly #counters: { -readonly [Name in keyof TsReaderCounters]: number };
  #streams: readonly TsInputStream[];
  #rest: Uint8Array;
  #program: number | undefined;
  #pmtPid: number | undefined;
  #clockPid: number | undefined;
  /** The newest decoding time, unwrapped: what later ones are unwrapped by. */
  #last90k: number | undefined;
  #clock90k: number | undefined;

  constructor(sink: TsReaderSink, state?: TsReaderState) {
    this.#sink = sink;
    this.#rest = state?.rest ?? new Uint8Array(0);
    this.#program = state?.program;
    this.#pmtPid = state?.pmtPid;
    this.#clockPid = state?.clockPid;
    this.#streams = state?.streams ?? [];
    this.#continuity = new Map(state?.continuity);
    this.#last90k = state?.last90k;
    this.#clock90k = state?.clock90k;
    this.#counters = { ...(state?.counters ?? NONE) };
    for (const stream of this.#streams) {
      const lane = state?.lanes.find(({ pid }) => pid === stream.pid);
      this.#addLane(stream, lane?.pes, lane?.discontinuity);
    }
  }

  get counters(): TsReaderCounters {
    const damaged = [...this.#lanes.values()].reduce((sum, { pes }) => sum + pes.damaged, this.#counters.damaged);
    return { ...this.#counters, damaged };
  }

  /** The last program clock reference, a 33-bit value in 1/90000 s. */
  get clock90k(): number | undefined {
    return this.#clock90k;
  }

  exportState(): TsReaderState {
    return {
      rest: Uint8Array.from(this.#rest),
      program: this.#program,
      pmtPid: this.#pmtPid,
      clockPid: this.#clockPid,
      streams: this.#streams,
      lanes: [...this.#lanes].map(([pid, { pes, discontinuity }]) => ({ pid, pes: pes.exportState(), discontinuity })),
      continuity: [...this.#continuity],
      last90k: this.#last90k,
      clock90k: this.#clock90k,
      counters: this.counters,
    };
  }

  /** Takes the next bytes; views of them are kept until their unit is whole. */
  push(bytes: Uint8Array): void {
    let data = bytes;
    if (this.#rest.length > 0) {
      data = new Uint8Array(this.#rest.length + bytes.length);
      data.set(this.#rest);
      data.set(bytes, this.#rest.length);
    }
    let at = 0;
    while (data.length - at >= TS_PACKET_BYTES) {
      if (data[at] === SYNC_BYTE) {
        this.#takePacket(data.subarray(at, at + TS_PACKET_BYTES));
        at += TS_PACKET_BYTES;
        continue;
      }
      const next = nextSync(data, at + 1);
      this.#counters.skippedBytes += next - at;
      at = next;
    }
    this.#rest = data.subarray(at);
  }

  /** Gives out units whose end only the next one would tell: nothing more comes. */
  flush(): void {
    for (const { pes } of this.#lanes.values()) pes.flush();
  }

  #takePacket(packet: Uint8Array): void {
    const [, high = 0, low = 0, marks = 0, adaptationBytes = 0] = packet;
    const pid = ((high & 0x1f) << 8) | low;
    this.#counters.packets += 1;
    if (pid === NULL_PID) return;
    if ((high & FLAG.error) !== 0 || (marks & FLAG.scrambled) !== 0) return void (this.#counters.unusable += 1);
    const hasAdaptation = (marks & FLAG.adaptation) !== 0;
    const payloadAt = HEADER_BYTES + (hasAdaptation ? 1 + adaptationBytes : 0);
    const adaptationFlags = hasAdaptation && adaptationBytes > 0 ? (packet[5] ?? 0) : 0;
    const jumps = (adaptationFlags & ADAPTATION_FLAG.discontinuity) !== 0;
    if (pid === this.#clockPid && (adaptationFlags & ADAPTATION_FLAG.clock) !== 0 && adaptationBytes >= 7) this.#readClock(packet);
    const lane = this.#lanes.get(pid);
    if (jumps && lane !== undefined) lane.discontinuity = true;
    if ((marks & FLAG.payload) === 0 || payloadAt >= TS_PACKET_BYTES) return;
    if (lane === undefined && pid !== PAT_PID && pid !== this.#pmtPid) return;
    const order = this.#order(pid, marks & 0x0f, jumps);
    if (order === 'repeated') return;
    const lost = order === 'gap';
    const payload = packet.subarray(payloadAt);
    const starts = (high & FLAG.start) !== 0;
    if (lane !== undefined) {
      if (lost) lane.discontinuity = true;
      lane.pes.push(payload, starts, lost || jumps);
    } else (pid === PAT_PID ? this.#pat : this.#pmt).push(payload, starts, lost);
  }

  /** A packet may come twice, with the same counter. @see ISO/IEC 13818-1 section 2.4.3.3 */
  #order(pid: number, counter: number, jumps: boolean): 'next' | 'repeated' | 'gap' {
    const before = this.#continuity.get(pid);
    this.#continuity.set(pid, counter);
    if (before === undefined || jumps || counter === ((before + 1) & 0x0f)) return 'next';
    if (counter === before) return 'repeated';
    this.#counters.gaps += 1;
    return 'gap';
  }

  #readClock(packet: Uint8Array): void {
    const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0] = packet.subarray(6, 11);
    this.#clock90k = (first * 0x1_00_00_00 + ((second << 16) | (third << 8) | fourth)) * 2 + (fifth >> 7);
  }

  /** Stays with its program as long as that is listed. */
  #takePat(section: Uint8Array): void {
    const programs = tolerant(() => parsePat(section)) ?? [];
    const chosen = programs.find(({ program }) => program === this.#program) ?? programs[0];
    if (chosen === undefined || (chosen.program === this.#program && chosen.pmtPid === this.#pmtPid)) return;
    this.#program = chosen.program;
    this.#pmtPid = chosen.pmtPid;
    this.#pmt = new SectionAssembler((pmt) => this.#takePmt(pmt));
  }

  #takePmt(section: Uint8Array): void {
    const program = this.#program;
    const map = program === undefined ? undefined : tolerant(() => parsePmt(section, program));
    if (map === undefined) return;
    this.#clockPid = map.clockPid;
    if (areSameStreams(map.streams, this.#streams)) return;
    const before = this.#streams;
    this.#streams = map.streams;
    for (const old of before) if (!map.streams.some((stream) => isSameStream(stream, old))) this.#removeLane(old.pid);
    for (const stream of map.streams) if (!this.#lanes.has(stream.pid)) this.#addLane(stream);
    this.#sink.onProgram(map.streams);
  }

  #addLane(stream: TsInputStream, state?: PesState, discontinuity = false): void {
    const { pid, codec } = stream;
    if (codec === undefined || pid === PAT_PID || pid === this.#pmtPid || pid === NULL_PID) return;
    const isVideo = codec === 'h264' || codec === 'hevc';
    const lane: Lane = { stream: { ...stream, codec }, discontinuity, pes: new PesAssembler(isVideo, (packet) => this.#takePes(lane, packet), state) };
    this.#lanes.set(pid, lane);
  }

  #removeLane(pid: number): void {
    this.#counters.damaged += this.#lanes.get(pid)?.pes.damaged ?? 0;
    this.#lanes.delete(pid);
    this.#continuity.delete(pid);
  }

  #takePes(lane: Lane, { pts, dts, data }: PesPacket): void {
    const { discontinuity, stream } = lane;
    lane.discontinuity = false;
    const dts90k = dts === undefined ? undefined : this.#unwrap(dts);
    if (dts90k !== undefined) this.#last90k = dts90k;
    const pts90k = pts === undefined ? undefined : this.#unwrap(pts);
    this.#sink.onUnit({ pid: stream.pid, codec: stream.codec, pts90k, dts90k, data, discontinuity });
  }

  /** The time nearest to the newest one that a 33-bit clock shows so. */
  #unwrap(ticks: number): number {
    if (this.#last90k === undefined) return ticks;
    const step = (((ticks - this.#last90k) % TS_CLOCK_WRAP) + TS_CLOCK_WRAP) % TS_CLOCK_WRAP;
    return this.#last90k + (step < TS_CLOCK_WRAP / 2 ? step : step - TS_CLOCK_WRAP);
  }
}

/** Where the next packet may begin: a sync byte with another one a packet later, as far as that can be seen. */
function nextSync(data: Uint8Array, from: number): number {
  for (let at = data.indexOf(SYNC_BYTE, from); at >= 0; at = data.indexOf(SYNC_BYTE, at + 1)) {
    const after = at + TS_PACKET_BYTES;
    if (after >= data.length || data[after] === SYNC_BYTE) return at;
  }
  return data.length;
}

function areSameStreams(a: readonly TsInputStream[], b: readonly TsInputStream[]): boolean {
  return a.length === b.length && a.every((stream, index) => isSameStream(stream, b[index]));
}

function isSameStream(a: TsInputStream, b: TsInputStream | undefined): boolean {
  return a.pid === b?.pid && a.codec === b.codec && a.name === b.name && a.channels === b.channels;
}
