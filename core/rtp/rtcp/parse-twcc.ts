import { ProtocolError } from '../../errors/wcs-error.ts';
import type { ByteCursor } from '../../formats/byte-reader.ts';
import type { TransportArrival, TransportFeedback } from './types.ts';

const REFERENCE_TIME_UNIT_MS = 64;
const DELTA_UNIT_US = 250;
const CHUNK_IS_VECTOR = 0x8000;
const VECTOR_HAS_TWO_BITS = 0x4000;
const RUN_LENGTH_BITS = 0x1fff;
const ONE_BIT_SYMBOLS = 14;
const TWO_BIT_SYMBOLS = 7;
const SYMBOL = { lost: 0, smallDelta: 1, largeDelta: 2 } as const;

/** Reads the body after both SSRCs. @see draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1 */
export function parseTwcc(senderSsrc: number, mediaSsrc: number, body: ByteCursor): TransportFeedback {
  const baseSequence = body.u16();
  const statusCount = body.u16();
  const referenceTimeMs = body.i24() * REFERENCE_TIME_UNIT_MS;
  const feedbackCount = body.u8();
  const symbols = parseSymbols(statusCount, body);
  const arrivals: TransportArrival[] = [];
  for (const [index, symbol] of symbols.entries()) {
    const sequence = (baseSequence + index) & 0xffff;
    if (symbol === SYMBOL.lost) arrivals.push({ sequence });
    else arrivals.push({ sequence, deltaUs: DELTA_UNIT_US * (symbol === SYMBOL.smallDelta ? body.u8() : body.i16()) });
  }
  return { type: 'twcc', senderSsrc, mediaSsrc, feedbackCount, referenceTimeMs, arrivals };
}

/** The status of each packet, from run-length and vector chunks; a chunk's surplus is ignored. */
function parseSymbols(statusCount: number, body: ByteCursor): Uint8Array {
  const symbols = new Uint8Array(statusCount);
  let filled = 0;
  while (filled < statusCount) {
    const chunk = body.u16();
    const isRun = (chunk & CHUNK_IS_VECTOR) === 0;
    const length = Math.min(statusCount - filled, isRun ? chunk & RUN_LENGTH_BITS : vectorLength(chunk));
    if (length === 0) throw new ProtocolError('A status chunk of no packets', body.position);
    for (let index = 0; index < length; index += 1) symbols[filled + index] = isRun ? (chunk >> 13) & 3 : vectorSymbol(chunk, index);
    filled += length;
  }
  // The fourth symbol is reserved: what delta follows it is unknown.
  if (symbols.includes(3)) throw new ProtocolError('A reserved packet status', body.position);
  return symbols;
}

function vectorLength(chunk: number): number {
  return (chunk & VECTOR_HAS_TWO_BITS) === 0 ? ONE_BIT_SYMBOLS : TWO_BIT_SYMBOLS;
}

function vectorSymbol(chunk: number, index: number): number {
  if ((chunk & VECTOR_HAS_TWO_BITS) === 0) return (chunk >> (ONE_BIT_SYMBOLS - 1 - index)) & 1;
  return (chunk >> (2 * (TWO_BIT_SYMBOLS - 1 - index))) & 3;
}
