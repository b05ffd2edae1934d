import test from 'ava';
import fc from 'fast-check';
import { ticksToUs, usToTicks, type MediaPacket } from '../../../core/media/frame.ts';
import { Timeline } from '../../../core/media/timeline.ts';
import { AUDIO, VIDEO, audio, video } from '../../support/media.ts';

const wild = fc.oneof(fc.integer({ min: -100_000, max: 3_600_000_000 }), fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 53), 0));

test('whatever times a publisher sends, each track stays monotonic, integer, and presents after decoding', (t) => {
  fc.assert(
    fc.property(fc.array(fc.record({ dts: wild, pts: wild, sound: fc.boolean(), resume: fc.boolean() }), { maxLength: 60 }), (items) => {
      const timeline = new Timeline();
      const last = new Map<string, number>();
      for (const { dts, pts, sound, resume } of items) {
        if (resume) timeline.beginPublication();
        const track = sound ? AUDIO : VIDEO;
        const out = timeline.frame({ track, dtsUs: dts, ptsUs: pts, key: true, data: new Uint8Array(1), receivedAtMs: 0 });
        const sane = Number.isSafeInteger(out.dtsUs) && Number.isSafeInteger(out.ptsUs) && out.ptsUs >= out.dtsUs && out.dtsUs >= (last.get(track.id) ?? 0);
        if (!sane) throw new Error(`${dts}/${pts} became ${out.dtsUs}/${out.ptsUs}`);
        last.set(track.id, out.dtsUs);
      }
    }),
    { numRuns: 500, seed: 3 },
  );
  t.pass();
});

test('microseconds give back the ticks of every common clock', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 31 }).map((n) => n * 64), fc.constantFrom(8000, 11025, 16000, 22050, 24000, 44100, 48000, 90000, 1000), (ticks, rate) => usToTicks(ticksToUs(ticks, rate), rate) === ticks),
    { seed: 5 },
  );
  t.pass();
});

test('both tracks follow a jump of the clock to the same offset and are marked once', (t) => {
  const timeline = new Timeline();
  const write = (frame: ReturnType<typeof video>): string => {
    const { dtsUs, discontinuity } = timeline.frame(frame);
    return `${dtsUs / 1000}${discontinuity === true ? '*' : ''}`;
  };
  const start = [write(video(1000, true)), write(audio(1005)), write(video(1040, false))];
  t.deepEqual(start, ['1000', '1005', '1040']);
  const back = [write(video(0, true)), write(audio(-5 + 20)), write(video(40, false)), write(audio(35))];
  t.deepEqual(back, ['1080*', '1095*', '1120', '1115']);
  const ahead = [write(video(3_600_000, true)), write(audio(3_600_010)), write(video(3_600_040, true))];
  t.deepEqual(ahead, ['1160*', '1170*', '1200']);
});

test('packets of both tracks follow a jump, and the first of each is marked, also where it comes late in presentation order', (t) => {
  const timeline = new Timeline();
  const write = (track: typeof VIDEO, ms: number): string => {
    const packet: MediaPacket = { track, rtp: new Uint8Array(12), sequence: ms, ptsUs: ms * 1000, marker: true, key: true, receivedAtMs: ms };
    const { ptsUs, discontinuity } = timeline.packet(packet);
    return `${ptsUs / 1000}${discontinuity === true ? '*' : ''}`;
  };
  t.deepEqual([write(VIDEO, 1000), write(AUDIO, 1005), write(VIDEO, 1080), write(VIDEO, 1040)], ['1000', '1005', '1080', '1040']);
  const ahead = [write(VIDEO, 3_600_080), write(VIDEO, 3_600_040), write(AUDIO, 3_600_010), write(AUDIO, 3_600_030)];
  t.deepEqual(ahead, ['1120*', '1080', '1050*', '1070']);
  t.deepEqual([write(AUDIO, 0), write(VIDEO, 10), write(VIDEO, 50)], ['1160*', '1170*', '1210']);
});

test('jitter is held, a pause of one track is no jump, and untouched frames are passed on as they are', (t) => {
  const timeline = new Timeline();
  const first = video(1000, true);
  t.is(timeline.frame(first), first);
  t.is(timeline.frame(video(990, false)).dtsUs, 1_000_000);
  for (let ms = 1000; ms <= 21_000; ms += 20) timeline.frame(audio(ms));
  const later = video(21_000, true);
  t.is(timeline.frame(later), later);
});
