/** The part of WebAssembly that is used; the types of Node.js do not have it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

/** Loops over blocks of 16 bytes; arguments are addresses in `memory`, `blocks` is 1 at least. */
export interface GcmModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Takes blocks into the hash at `hash`, by a table of `GHASH_TABLE_BYTES` bytes. @see NIST SP 800-38D section 6.4 */
  ghash(table: number, hash: number, data: number, blocks: number): void;
  /** XORs `mask` over `data`. */
  xor(data: number, mask: number, blocks: number): void;
  /** Writes the 12 bytes at `iv` before the numbers 1, 2, 3… in 32 bits. @see NIST SP 800-38D section 7.1 */
  counters(out: number, iv: number, blocks: number): void;
}

/** Products with the hash key of each half byte at each place of a block: 32 places of 16 values. */
export const GHASH_TABLE_BYTES = 32 * 16 * 16;

const BLOCK_BYTES = 16;
const PLACE_BYTES = 16 * BLOCK_BYTES;
/** Bits of an address within the entries of a place. */
const ENTRY_MASK = 0xf0;

const TYPE = { i32: 0x7f, i64: 0x7e, v128: 0x7b, none: 0x40 } as const;
const SECTION = { type: 1, function: 3, memory: 5, export: 7, code: 10 } as const;
const EXPORT = { function: 0, memory: 2 } as const;
const VECTOR = 0xfd;

/** An unsigned number in LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** A signed number in LEB128. */
function signed(value: number): number[] {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

/** The instructions that the loops need, by their names in the text format. @see the WebAssembly specification, section 5.4 */
const op = {
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  tee: (local: number) => [0x22, local],
  i32Const: (value: number) => [0x41, ...signed(value)],
  i64Const: (value: number) => [0x42, ...signed(value)],
  i32Add: [0x6a],
  i32Sub: [0x6b],
  i32And: [0x71],
  i32Or: [0x72],
  i32Shl: [0x74],
  i64Shl: [0x86],
  i64ShrU: [0x88],
  i32WrapI64: [0xa7],
  v128Load: (offset = 0) => [VECTOR, 0, 0, ...unsigned(offset)],
  v128Store: [VECTOR, 11, 0, 0],
  v128Xor: [VECTOR, 81],
  i32x4ReplaceLane: (lane: number) => [VECTOR, 28, lane],
  i64x2ExtractLane: (lane: number) => [VECTOR, 29, lane],
} as const;

/** Runs `body` for each block, and moves the addresses on. */
function eachBlock(blocks: number, addresses: readonly number[], body: readonly number[]): number[] {
  const onward = addresses.flatMap((address) => [...op.get(address), ...op.i32Const(BLOCK_BYTES), ...op.i32Add, ...op.set(address)]);
  const [loop, brIf, end] = [0x03, 0x0d, 0x0b];
  return [loop, TYPE.none, ...body, ...onward, ...op.get(blocks), ...op.i32Const(1), ...op.i32Sub, ...op.tee(blocks), brIf, 0, end];
}

/** The product with the hash key is the sum of the products of the 32 half bytes, which do not wait for each other. */
function ghashBody(): number[] {
  const [table, hash, data, blocks, low, high, sum] = [0, 1, 2, 3, 4, 5, 6];
  const products = Array.from({ length: 32 }, (_, place) => {
    const half = place < 16 ? low : high;
    // The entry is its half byte times 16: what is shifted less than that far is in the low half of the byte.
    const shift = 8 * ((place >> 1) & 7) + (place & 1 ? 0 : -4);
    const shifted = shift < 0 ? [...op.i64Const(-shift), ...op.i64Shl] : shift === 0 ? [] : [...op.i64Const(shift), ...op.i64ShrU];
    const entry = [...op.get(table), ...op.get(half), ...shifted, ...op.i32WrapI64, ...op.i32Const(ENTRY_MASK), ...op.i32And, ...op.i32Add];
    return [...entry, ...op.v128Load(place * PLACE_BYTES), ...(place === 0 ? [] : op.v128Xor)];
  }).flat();
  const halves = [low, high].flatMap((half, lane) => [...op.get(sum), ...op.i64x2ExtractLane(lane), ...op.set(half)]);
  const each = [...op.get(sum), ...op.get(data), ...op.v128Load(), ...op.v128Xor, ...op.set(sum), ...halves, ...products, ...op.set(sum)];
  return [...op.get(hash), ...op.v128Load(), ...op.set(sum), ...eachBlock(blocks, [data], each), ...op.get(hash), ...op.get(sum), ...op.v128Store];
}

function xorBody(): number[] {
  const [data, mask, blocks] = [0, 1, 2];
  const each = [...op.get(data), ...op.get(data), ...op.v128Load(), ...op.get(mask), ...op.v128Load(), ...op.v128Xor, ...op.v128Store];
  return eachBlock(blocks, [data, mask], each);
}

function countersBody(): number[] {
  const [out, iv, blocks, number] = [0, 1, 2, 3];
  // Big-endian; more than 16 bits are never needed.
  const swapped = [...op.get(number), ...op.i32Const(24), ...op.i32Shl, ...op.get(number), ...op.i32Const(0xff00), ...op.i32And, ...op.i32Const(8), ...op.i32Shl, ...op.i32Or];
  const next = [...op.get(number), ...op.i32Const(1), ...op.i32Add, ...op.tee(number)];
  const each = [...next, ...op.set(number), ...op.get(out), ...op.get(iv), ...op.v128Load(), ...swapped, ...op.i32x4ReplaceLane(3), ...op.v128Store];
  return eachBlock(blocks, [out], each);
}

const listOf = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, ...items: readonly (readonly number[])[]): number[] => [id, ...sized(listOf(items))];
const named = (name: string, kind: number, index: number): number[] => [...sized([...Buffer.from(name)]), kind, index];
/** @param locals how many of each type, beside the parameters */
const code = (locals: readonly (readonly [count: number, type: number])[], body: readonly number[]): number[] => sized([...listOf(locals), ...body, 0x0b]);
const takes = (count: number): number[] => [0x60, ...listOf(Array.from({ length: count }, () => [TYPE.i32])), 0];

/** Makes the module, with so many pages of 64 KiB. @see the WebAssembly specification, section 5.5 */
export function openGcmModule(pages: number): GcmModule {
  const bytes = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(SECTION.type, takes(4), takes(3)),
    ...section(SECTION.function, [0], [1], [1]),
    ...section(SECTION.memory, [0, ...unsigned(pages)]),
    ...section(SECTION.export, named('memory', EXPORT.memory, 0), named('ghash', EXPORT.function, 0), named('xor', EXPORT.function, 1), named('counters', EXPORT.function, 2)),
    ...section(SECTION.code, code([[2, TYPE.i64], [1, TYPE.v128]], ghashBody()), code([], xorBody()), code([[1, TYPE.i32]], countersBody())),
  ]);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as GcmModule;
}
