/** A box of a parsed file: its content without the header, and for known containers its children. */
export interface Box {
  readonly type: string;
  readonly content: Buffer;
  readonly children: readonly Box[];
}

const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'minf', 'dinf', 'stbl', 'mvex', 'moof', 'traf']);

/** Parses the boxes of `bytes`; throws when a size leaves its parent. */
export function walkBoxes(bytes: Uint8Array): Box[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const boxes: Box[] = [];
  for (let at = 0; at < buffer.length; ) {
    const size = buffer.readUInt32BE(at);
    if (size < 8 || at + size > buffer.length) throw new Error(`Box of ${size} bytes at ${at} of ${buffer.length}`);
    const type = buffer.toString('latin1', at + 4, at + 8);
    const content = buffer.subarray(at + 8, at + size);
    boxes.push({ type, content, children: CONTAINERS.has(type) ? walkBoxes(content) : [] });
    at += size;
  }
  return boxes;
}

/** The boxes at a path such as `moof/traf/trun`, in file order. */
export function boxesAt(boxes: readonly Box[], path: string): Box[] {
  const [head, ...rest] = path.split('/');
  const found = boxes.filter((box) => box.type === head);
  return rest.length === 0 ? found : found.flatMap((box) => boxesAt(box.children, rest.join('/')));
}

/** The fragments of a segment, each with the `styp` that it begins with. */
export function fragmentsOf(segment: Uint8Array): Uint8Array[] {
  let at = 0;
  const starts = walkBoxes(segment).flatMap(({ type, content }) => {
    const start = at;
    at += content.length + 8;
    return type === 'styp' ? [start] : [];
  });
  return starts.map((start, index) => segment.subarray(start, starts[index + 1]));
}

/** One sample as a player would find it. */
export interface ReadSample {
  readonly dts: bigint;
  readonly offset: number;
  readonly duration: number;
  readonly flags: number;
  readonly data: Buffer;
}

/** Reads the samples of every track of one fragment by the numbers in its boxes alone; `moof` must be the first or second box. */
export function readFragment(bytes: Uint8Array): Map<number, ReadSample[]> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const boxes = walkBoxes(file);
  const moof = boxesAt(boxes, 'moof')[0]!;
  const moofStart = moof.content.byteOffset - 8 - file.byteOffset;
  return new Map(moof.children.filter((box) => box.type === 'traf').map((traf) => readTraf(file, moofStart, traf)));
}

function readTraf(file: Buffer, moofStart: number, traf: Box): [number, ReadSample[]] {
  const [tfhd, tfdt, trun] = ['tfhd', 'tfdt', 'trun'].map((type) => boxesAt([traf], `traf/${type}`)[0]!.content) as [Buffer, Buffer, Buffer];
  const tfhdFlags = tfhd.readUInt32BE(0) & 0xffffff;
  let at = 8;
  const field = (present: number): number => (tfhdFlags & present ? tfhd.readUInt32BE((at += 4) - 4) : 0);
  const defaults = { duration: field(0x08), size: field(0x10), flags: field(0x20) };
  const trunFlags = trun.readUInt32BE(0) & 0xffffff;
  let dts = tfdt.readBigUInt64BE(4);
  let position = moofStart + trun.readInt32BE(8);
  at = 12;
  const entry = (present: number, otherwise: number): number => (trunFlags & present ? trun.readUInt32BE((at += 4) - 4) : otherwise);
  const samples = Array.from({ length: trun.readUInt32BE(4) }, () => {
    const duration = entry(0x100, defaults.duration);
    const size = entry(0x200, defaults.size);
    const flags = entry(0x400, defaults.flags);
    const offset = entry(0x800, 0) | 0;
    const sample = { dts, offset, duration, flags, data: file.subarray(position, position + size) };
    dts += BigInt(duration);
    position += size;
    return sample;
  });
  if (at !== trun.length) throw new Error(`trun has ${trun.length} bytes, its entries ${at}`);
  return [tfhd.readUInt32BE(4), samples];
}
