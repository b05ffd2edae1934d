import type { MatroskaBlock } from '../../core/formats/matroska.ts';

/** An element of a parsed file. */
export interface Element {
  readonly id: number;
  readonly content: Buffer;
  readonly children: readonly Element[];
}

const MASTERS = new Set([0x1a45dfa3, 0x18538067, 0x114d9b74, 0x4dbb, 0x1549a966, 0x1654ae6b, 0xae, 0xe0, 0xe1, 0x1f43b675, 0x1c53bb6b, 0xbb, 0xb7]);

/** Parses EBML elements by the numbers in them alone; throws when a size leaves its parent. A segment goes to the end at most. */
export function walkElements(bytes: Uint8Array): Element[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const elements: Element[] = [];
  for (let at = 0; at < buffer.length; ) {
    const idBytes = Math.clz32(buffer[at]!) - 23;
    const id = buffer.readUIntBE(at, idBytes);
    at += idBytes;
    const sizeBytes = Math.clz32(buffer[at]!) - 23;
    const size = Number(BigInt(`0x${buffer.toString('hex', at, at + sizeBytes)}`) & ((1n << BigInt(7 * sizeBytes)) - 1n));
    at += sizeBytes;
    const end = id === 0x18538067 ? Math.min(at + size, buffer.length) : at + size;
    if (end > buffer.length) throw new Error(`Element ${id.toString(16)} of ${size} bytes at ${at} of ${buffer.length}`);
    const content = buffer.subarray(at, end);
    elements.push({ id, content, children: MASTERS.has(id) ? walkElements(content) : [] });
    at = end;
  }
  return elements;
}

/** The simple blocks of one cluster. */
export function readBlocks(cluster: Uint8Array): MatroskaBlock[] {
  const [{ children }] = walkElements(cluster) as [Element];
  const start = Number(children[0]!.content.readBigUInt64BE());
  return children.slice(1).map(({ content }) => ({ track: content[0]! & 0x7f, ticks: start + content.readInt16BE(1), key: (content[3]! & 0x80) !== 0, data: content.subarray(4) }));
}
