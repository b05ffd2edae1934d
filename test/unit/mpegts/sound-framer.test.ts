import test from 'ava';
import fc from 'fast-check';
import { aacLcConfig, encodeAdtsHeader } from '../../../core/formats/aac.ts';
import { SoundFramer, type SoundCodec } from '../../../plugins/mpegts/session/sound-framer.ts';

const AAC = aacLcConfig(48_000, 2);
const adts = (body: Uint8Array): Buffer => Buffer.concat([encodeAdtsHeader(AAC, body.length), body]);
/** 1024 samples of 48 kHz in 1/90000 s. */
const FRAME_90K = 1920;

test('frames that begin in one packet and end in the next keep their times', (t) => {
  const frames = [10, 20, 30, 40].map((size, index) => adts(new Uint8Array(size).fill(index + 1)));
  const bytes = Buffer.concat(frames);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: bytes.length - 1 }), (at) => {
      const framer = new SoundFramer('aac', undefined);
      // The second packet's stamp is that of the first frame that begins in it.
      const begun = frames.reduce((count, _frame, index) => count + (Buffer.concat(frames.slice(0, index)).length < at ? 1 : 0), 0);
      const first = framer.push(bytes.subarray(0, at), 9000, false);
      const moved = SoundFramer.prototype.exportState.call(framer);
      const second = new SoundFramer('aac', undefined, structuredClone(moved)).push(bytes.subarray(at), 9000 + begun * FRAME_90K, false);
      t.deepEqual([...first, ...second].map(({ pts90k, data }) => [pts90k, data.length]), [10, 20, 30, 40].map((size, index) => [9000 + index * FRAME_90K, size]));
    }),
    { numRuns: 40 },
  );
});

test('the format is told with each frame, and bytes between frames are passed over', (t) => {
  const framer = new SoundFramer('aac', undefined);
  const [frame] = framer.push(Buffer.concat([Buffer.of(1, 2, 0xff, 0), adts(new Uint8Array(9))]), 0, false);
  t.like(frame?.format, { sampleRateHz: 48_000, channels: 2 });
  t.is(Buffer.from(frame?.format.codecConfig ?? []).toString('hex'), '1190');
  t.is(framer.skippedBytes, 4);
});

test('MPEG audio of layer II gives no frames', (t) => {
  t.deepEqual(new SoundFramer('mp3', undefined).push(Buffer.from(`fffd8404${'00'.repeat(500)}`, 'hex'), 0, false), []);
});

test('an Opus packet is taken out of its control header, with trimming and extension', (t) => {
  const packet = Buffer.alloc(300, 0x5a);
  packet[0] = 0xfc;
  const plain = Buffer.concat([Buffer.from('7fe0ff2d', 'hex'), packet]);
  const decorated = Buffer.concat([Buffer.from('7ffcff2d' + '0138' + '0000' + '02aaaa', 'hex'), packet]);
  for (const bytes of [plain, decorated]) {
    const frames = new SoundFramer('opus', 2).push(Buffer.concat([bytes, bytes]), 900, false);
    t.deepEqual(frames.map(({ pts90k, data }) => [pts90k, data.length]), [[900, 300], [900 + 1800, 300]]);
  }
});

test('no bytes make a framer throw or keep more than a frame', (t) => {
  const property = fc.property(fc.constantFrom<SoundCodec>('aac', 'mp3', 'aacLatm', 'opus'), fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }), (codec, pieces) => {
    const framer = new SoundFramer(codec, undefined);
    for (const piece of pieces) framer.push(piece, 0, false);
    t.true(framer.exportState().rest.length <= 64 * 1024);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 500 }));
});
