import test from 'ava';
import fc from 'fast-check';
import { encodeJson, encodePacket, FRAME_HEADER_BYTES, FrameReader, type ChildFrame } from '../../../core/process/framing.ts';

const PACKET = fc.record({
  kind: fc.constant('packet' as const),
  job: fc.nat(0xffff_ffff),
  port: fc.nat(0xffff),
  key: fc.boolean(),
  discontinuity: fc.constantFrom(undefined, true),
  ptsUs: fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
  compositionUs: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  stampMs: fc.nat(0xffff_ffff),
  data: fc.uint8Array({ maxLength: 300 }),
});
const FRAME = fc.oneof(
  PACKET.map(({ compositionUs, discontinuity, ...rest }): ChildFrame => ({ ...rest, dtsUs: rest.ptsUs - compositionUs, ...(discontinuity === undefined ? {} : { discontinuity }) })),
  fc.record({ kind: fc.constant('json' as const), job: fc.nat(100), value: fc.jsonValue() }).map((frame): ChildFrame => frame),
);

test('frames come out as they went in, however the bytes are split', (t) => {
  fc.assert(
    fc.property(fc.array(FRAME, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (frames, cuts) => {
      const bytes = Buffer.concat(frames.map((frame) => (frame.kind === 'json' ? encodeJson(frame.job, frame.value) : encodePacket(frame.job, frame))));
      const out: ChildFrame[] = [];
      const reader = new FrameReader((frame) => void out.push(frame.kind === 'packet' ? { ...frame, data: Uint8Array.from(frame.data) } : frame));
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const length = cuts[turn % cuts.length] ?? 1;
        reader.push(bytes.subarray(at, at + length));
        at += length;
      }
      t.deepEqual(out, JSON.parse(JSON.stringify(frames), (key, value: unknown) => (key === 'data' && typeof value === 'object' ? Uint8Array.from(Object.values(value ?? {})) : value)));
    }),
  );
});

test('a frame that is too short or too long, and one of an unknown kind, are refused', (t) => {
  const refuses = (change: (bytes: Buffer) => void): void => {
    const bytes = encodeJson(1, 1);
    change(bytes);
    t.throws(() => new FrameReader(() => undefined).push(bytes), { name: 'ProtocolError' });
  };
  refuses((bytes) => bytes.writeUInt32LE(FRAME_HEADER_BYTES - 1, 0));
  refuses((bytes) => bytes.writeUInt32LE(0xffff_ffff, 0));
  refuses((bytes) => bytes.writeUInt8(9, 4));
  refuses((bytes) => bytes.fill(0x7b, FRAME_HEADER_BYTES));
});

test.serial('a large frame that comes in small pieces is copied once, besides its header', (t) => {
  const data = Buffer.alloc(4 * 1024 * 1024, 7);
  const bytes = encodePacket(1, { port: 0, key: true, ptsUs: 0, dtsUs: 0, stampMs: 0, data });
  const concat = Buffer.concat.bind(Buffer);
  let copied = 0;
  Buffer.concat = (list, length) => {
    const joined = concat(list, length);
    copied += joined.length;
    return joined;
  };
  t.teardown(() => (Buffer.concat = concat));
  const out: ChildFrame[] = [];
  const reader = new FrameReader((frame) => void out.push(frame));
  const pieceBytes = 4096;
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  t.is(out.length, 1);
  t.true(copied <= bytes.length + pieceBytes, `${copied} bytes copied of ${bytes.length}`);
});

test('what a frame\'s receiver throws loses that frame alone', (t) => {
  const out: number[] = [];
  const reader = new FrameReader(({ job }) => {
    if (job === 1) throw new Error('on purpose');
    out.push(job);
  });
  const [first, second] = [1, 2].map((job) => encodeJson(job, job));
  t.throws(() => reader.push(Buffer.concat([first!, second!.subarray(0, 5)])), { message: 'on purpose' });
  reader.push(second!.subarray(5));
  t.deepEqual(out, [2]);
});
