import test from 'ava';
import { BacklogAge } from '../../../core/media/backlog-age.ts';
import { GopCache } from '../../../core/media/gop-cache.ts';
import { SlowReader } from '../../../core/media/slow-reader.ts';
import { BatchWindow } from '../../../core/media/batch-window.ts';
import { FakeTime } from '../../support/fake-time.ts';
import { META, RecordingSink, VIDEO, AUDIO, audio, makeBus, video } from '../../support/media.ts';

const KEY = video(0, true);
const DELTA = video(40, false);
const SOUND = audio(20);
const MB = 1024 * 1024;

test('over half of the bound only key frames and sound pass, over the bound only sound, then from the next key frame', (t) => {
  const reader = new SlowReader();
  const next = (mb: number, frame: typeof KEY): string => reader.next(mb * MB, 0, 0, frame);
  t.deepEqual([next(0, KEY), next(0, DELTA), next(0, SOUND)], ['deliver', 'deliver', 'deliver']);
  t.deepEqual([next(3, DELTA), next(3, KEY), next(3, SOUND)], ['drop', 'deliver', 'deliver']);
  t.deepEqual([next(5, KEY), next(5, SOUND), next(9, SOUND)], ['drop', 'deliver', 'drop']);
  t.deepEqual([next(0, DELTA), next(0, SOUND)], ['drop', 'deliver']);
  t.true(reader.awaitsKeyFrame);
  t.deepEqual([next(0, KEY), next(0, DELTA)], ['deliver', 'deliver']);
});

test('the bound in time counts like the one in bytes, and ten seconds over it disconnect', (t) => {
  const reader = new SlowReader();
  t.is(reader.next(MB, 1_500, 0, DELTA), 'drop');
  t.is(reader.next(MB, 2_500, 1_000, SOUND), 'deliver');
  t.is(reader.next(MB, 2_500, 10_999, SOUND), 'deliver');
  t.is(reader.next(MB, 2_500, 11_000, SOUND), 'disconnect');
});

test('a slow reader of a stream is counted and ended, the publisher and the others go on', (t) => {
  const { bus, time } = makeBus();
  const publication = bus.publish({ name: 'a', owner: 'x', tracks: [VIDEO, AUDIO], meta: META });
  const slow = Object.assign(new RecordingSink(), { backlogBytes: () => 5 * MB });
  const fine = new RecordingSink();
  const subscription = bus.find('a')!.subscribe({ plane: 'frames', sink: slow, label: 'slow' });
  bus.find('a')!.subscribe({ plane: 'frames', sink: fine, label: 'fine' });
  for (let ms = 0; ms <= 11_000; ms += 40) {
    publication.write(video(ms, ms % 1000 === 0));
    time.advance(40);
  }
  t.is(slow.log.at(-1), 'end Reader is too slow');
  t.is(subscription.counters.droppedFrames, 250);
  t.is(fine.frames.length, 276);
});

test('the age of a backlog is the time since its oldest byte was written', (t) => {
  const age = new BacklogAge(2_000);
  for (let ms = 0; ms < 2_000; ms += 20) age.written(100, ms);
  t.is(age.ageMs(0, 2_000), 0);
  const half = age.ageMs(5_000, 2_000);
  t.true(half >= 1_000 && half <= 1_125, String(half));
  t.true(age.ageMs(5_000, 9_000) >= 8_000);
});

test('the cache forgets a group that outgrows its bounds, and keeps a second of sound without picture', (t) => {
  const cache = new GopCache(5, 1_000);
  cache.setHasVideo(true);
  cache.push(audio(0));
  t.is(cache.frames.length, 0);
  cache.push(video(40, true));
  for (let i = 2; i <= 5; i += 1) cache.push(video(i * 40, false));
  t.is(cache.frames.length, 5);
  cache.push(video(240, false));
  t.is(cache.frames.length, 0);
  cache.push(video(280, true, 2_000));
  t.is(cache.bytes, 0);
  const sound = new GopCache();
  for (let ms = 0; ms <= 5_000; ms += 20) sound.push(audio(ms));
  t.is(sound.frames.length, 51);
});

test('the batching window follows the load: short on an idle event loop, long on a busy one, without a jump', (t) => {
  const time = new FakeTime();
  const times = { active: 0, idle: 0 };
  const window = new BatchWindow(time, () => ({ ...times }));
  const run = (load: number, samples: number): number[] =>
    Array.from({ length: samples }, () => {
      times.active += 500 * load;
      times.idle += 500 * (1 - load);
      time.advance(500);
      return window.ms;
    });
  t.is(window.ms, 30);
  t.is(run(0.4, 10).at(-1), 100);
  t.is(window.load, 0.4);
  const falling = run(0.03, 10);
  t.is(falling[0], 50);
  t.is(falling.at(-1), 10);
  t.is(run(0.12, 3).at(-1), 10);
  window.close();
  t.is(time.pending, 0);
});
