/** One PES packet as it came out of the transport stream; times are 33-bit clock values. */
export interface ReadPes {
  readonly pid: number;
  readonly streamId: number;
  readonly pts: number;
  readonly dts: number;
  readonly randomAccess: boolean;
  readonly discontinuity: boolean;
  /** Program clock base, where the packet carries one. */
  readonly clock: number | undefined;
  readonly data: Buffer;
}

/** What `demuxTs` found. */
export interface ReadTs {
  readonly units: readonly ReadPes[];
  /** Sections of PAT (0) and other packets without PES start code, by packet id, latest last. */
  readonly sections: ReadonlyMap<number, readonly Buffer[]>;
}

interface Pending {
  readonly pid: number;
  readonly flags: number;
  readonly clock: number | undefined;
  readonly pieces: Buffer[];
}

/** Takes a transport stream apart; throws for a lost sync byte, a broken adaptation field or a gap in a continuity counter. */
export function demuxTs(bytes: Uint8Array): ReadTs {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length % 188 !== 0) throw new Error(`${buffer.length} bytes are no whole packets`);
  const pending = new Map<number, Pending>();
  const counters = new Map<number, number>();
  const sections = new Map<number, Buffer[]>();
  const started: Pending[] = [];
  for (let start = 0; start < buffer.length; start += 188) {
    const packet = buffer.subarray(start, start + 188);
    if (packet[0] !== 0x47) throw new Error(`No sync byte at ${start}`);
    const pid = packet.readUInt16BE(1) & 0x1fff;
    const counter = packet[3]! & 0x0f;
    const before = counters.get(pid);
    if (before !== undefined && counter !== ((before + 1) & 0x0f)) throw new Error(`Counter of ${pid}: ${before} then ${counter}`);
    counters.set(pid, counter);
    const adaptationBytes = packet[3]! & 0x20 ? 1 + packet[4]! : 0;
    if (adaptationBytes > 183) throw new Error(`Adaptation field of ${adaptationBytes} bytes and no payload`);
    const flags = adaptationBytes > 1 ? packet[5]! : 0;
    const payload = packet.subarray(4 + adaptationBytes);
    if (!(packet[1]! & 0x40)) pending.get(pid)!.pieces.push(payload);
    else if (payload.readUIntBE(0, 3) === 1) {
      const unit = { pid, flags, clock: flags & 0x10 ? packet.readUInt32BE(6) * 2 + (packet[10]! >> 7) : undefined, pieces: [payload] };
      pending.set(pid, unit);
      started.push(unit);
    } else sections.set(pid, [...(sections.get(pid) ?? []), payload.subarray(1, 4 + (payload.readUInt16BE(2) & 0xfff))]);
  }
  return { units: started.map(finish), sections };
}

function finish({ pid, flags, clock, pieces }: Pending): ReadPes {
  const pes = Buffer.concat(pieces);
  const declared = pes.readUInt16BE(4);
  if (declared !== 0 && declared !== pes.length - 6) throw new Error(`PES says ${declared} bytes and has ${pes.length - 6}`);
  const pts = readTimestamp(pes, 9, pes[7]! >> 6);
  const dts = pes[7]! & 0x40 ? readTimestamp(pes, 14, 1) : pts;
  const data = pes.subarray(9 + pes[8]!);
  return { pid, streamId: pes[3]!, pts, dts, clock, randomAccess: (flags & 0x40) !== 0, discontinuity: (flags & 0x80) !== 0, data };
}

function readTimestamp(pes: Buffer, at: number, prefix: number): number {
  const [first, middle, last] = [pes[at]!, pes.readUInt16BE(at + 1), pes.readUInt16BE(at + 3)];
  if (first >> 4 !== prefix || !(first & middle & last & 1)) throw new Error('A time stamp lacks its marker bits');
  return ((first >> 1) & 7) * 2 ** 30 + (middle >> 1) * 2 ** 15 + (last >> 1);
}
