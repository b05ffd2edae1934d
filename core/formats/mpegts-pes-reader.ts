import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';

/** Bytes of one PES packet at most: a key frame of a very good picture. */
export const MAX_PES_BYTES = 8 * 1024 * 1024;
/** Bytes of the header up to its packet length field, which that field does not count. */
const UNCOUNTED_BYTES = 6;
const FLAGS_AT = 7;
const HAS_PTS = 0x80;
const HAS_DTS = 0x40;
/** Stream ids whose packets have no header behind the length: program stream map, padding, private 2, ECM, EMM, … */
const HEADLESS_IDS: ReadonlySet<number> = new Set([0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff]);

/** What a PES packet carries; times are 33-bit clock values. */
export interface PesPacket {
  /** Absent where the packet tells no time. */
  readonly pts: number | undefined;
  /** Equal to `pts` where the packet tells none of its own. */
  readonly dts: number | undefined;
  readonly data: Uint8Array;
}

/** A PES packet on its way; plain data. */
export interface PesState {
  readonly bytes: Uint8Array | undefined;
}

/** Puts the PES packets of one packet id together. */
export class PesAssembler {
  readonly #onPacket: (packet: PesPacket) => void;
  readonly #continues: boolean;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** Of the whole packet; undefined while it is not known or left open. */
  #size: number | undefined;
  #open = false;
  #damaged = 0;

  /** @param continues a packet without a time stamp goes on with the one before, as encoders do that send slices apart */
  constructor(continues: boolean, onPacket: (packet: PesPacket) => void, state: PesState = { bytes: undefined }) {
    this.#continues = continues;
    this.#onPacket = onPacket;
    if (state.bytes !== undefined) this.#begin(state.bytes);
  }

  /** Packets that were cut by a loss, too long, or no PES packets. */
  get damaged(): number {
    return this.#damaged;
  }

  exportState(): PesState {
    return { bytes: this.#open ? joined(this.#pieces, this.#bytes) : undefined };
  }

  /** Takes the payload of a packet; keeps views of it. */
  push(payload: Uint8Array, startsUnit: boolean, lost: boolean): void {
    if (lost && this.#open) this.#drop();
    if (!startsUnit) {
      if (this.#open) this.#append(payload);
    } else if (this.#open && this.#size === undefined && this.#continues && isTimeless(payload)) {
      this.#append(payload.subarray(Math.min(payload.length, 9 + (payload[8] ?? 0))));
    } else {
      this.flush();
      this.#begin(payload);
    }
  }

  /** Gives out a packet of open length: the next one has begun, or nothing more comes. */
  flush(): void {
    if (!this.#open) return;
    if (this.#size !== undefined && this.#bytes < this.#size) this.#drop();
    else this.#finish();
  }

  #begin(payload: Uint8Array): void {
    this.#open = true;
    this.#pieces = [];
    this.#bytes = 0;
    this.#size = undefined;
    this.#append(payload);
  }

  #append(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > MAX_PES_BYTES) return this.#drop();
    if (this.#size === undefined && this.#pieces.length === 1) this.#size = sizeOf(piece);
    if (this.#size !== undefined && this.#bytes >= this.#size) this.#finish();
  }

  #finish(): void {
    const bytes = joined(this.#pieces, Math.min(this.#bytes, this.#size ?? this.#bytes));
    this.#open = false;
    this.#pieces = [];
    try {
      const packet = parsePes(bytes);
      if (packet !== undefined) this.#onPacket(packet);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#damaged += 1;
    }
  }

  #drop(): void {
    this.#open = false;
    this.#pieces = [];
    this.#damaged += 1;
  }
}

/**
 * Reads a whole PES packet; undefined for one that carries no elementary stream.
 *
 * @throws ProtocolError for what is none, or is scrambled
 * @see ISO/IEC 13818-1 section 2.4.3.6
 */
export function parsePes(bytes: Uint8Array): PesPacket | undefined {
  const cursor = new ByteCursor(bytes);
  if (cursor.u24() !== 1) throw new ProtocolError('A PES packet without its start code', 0);
  const streamId = cursor.u8();
  cursor.skip(2);
  if (HEADLESS_IDS.has(streamId)) return undefined;
  const marks = cursor.u8();
  if (marks >> 6 !== 2) throw new ProtocolError('A PES packet of MPEG-1', 6);
  if ((marks & 0x30) !== 0) throw new ProtocolError('A scrambled PES packet', 6);
  const flags = cursor.u8();
  const header = new ByteCursor(cursor.take(cursor.u8()));
  const pts = (flags & HAS_PTS) === 0 ? undefined : readTimestamp(header);
  const dts = pts === undefined || (flags & HAS_DTS) === 0 ? pts : readTimestamp(header);
  return { pts, dts, data: cursor.rest() };
}

/** Three, fifteen and fifteen bits, each followed by a marker bit. */
function readTimestamp(cursor: ByteCursor): number {
  const high = cursor.u8();
  const middle = cursor.u16();
  const low = cursor.u16();
  if ((high & middle & low & 1) === 0) throw new ProtocolError('A time stamp without its marker bits', cursor.position);
  return ((high >> 1) & 7) * 0x4000_0000 + (middle >> 1) * 0x8000 + (low >> 1);
}

/** The size that the first piece of a packet tells; undefined when it is left open. */
function sizeOf(piece: Uint8Array): number | undefined {
  const length = ((piece[4] ?? 0) << 8) | (piece[5] ?? 0);
  return length === 0 ? undefined : UNCOUNTED_BYTES + length;
}

function isTimeless(payload: Uint8Array): boolean {
  const isPes = payload[0] === 0 && payload[1] === 0 && payload[2] === 1 && !HEADLESS_IDS.has(payload[3] ?? 0);
  return isPes && payload.length > FLAGS_AT + 1 && ((payload[FLAGS_AT] ?? 0) & HAS_PTS) === 0;
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    const part = piece.subarray(0, length - at);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
