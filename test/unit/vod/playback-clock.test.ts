import test from 'ava';
import type { FileSample } from '../../../core/formats/media-file.ts';
import { PlaybackClock, type PlacedSample } from '../../../plugins/vod/session/playback-clock.ts';
import { SampleQueue } from '../../../plugins/vod/session/sample-queue.ts';
import { parseVodUri } from '../../../plugins/vod/wire/vod-uri.ts';

const TRACKS = [{ kind: 'video' as const }, { kind: 'audio' as const }];
const data = Uint8Array.of(1);

/** A film of so many pictures of 40 ms, decoded two pictures early, and sounds of 20 ms with a lead-in of one. */
function film(pictures: number, sounds: number): FileSample[] {
  const samples: FileSample[] = [];
  for (let at = 0; at < pictures; at += 1) samples.push({ track: 0, ptsUs: at * 40_000, dtsUs: at * 40_000 - 80_000, durationUs: 40_000, key: at === 0, data });
  for (let at = -1; at < sounds; at += 1) samples.push({ track: 1, ptsUs: at * 20_000, dtsUs: at * 20_000, durationUs: 20_000, key: true, data });
  return samples.sort((a, b) => a.dtsUs - b.dtsUs);
}

function playRounds(samples: readonly FileSample[], rounds: number): PlacedSample[] {
  const clock = new PlaybackClock(TRACKS);
  clock.begin(samples);
  return Array.from({ length: rounds }, (_, round) => {
    if (round > 0) clock.nextRound();
    return samples.flatMap((sample) => clock.place(sample) ?? []);
  }).flat();
}

const stepsOf = (placed: readonly PlacedSample[], track: number, time: 'ptsUs' | 'dtsUs' = 'dtsUs'): number[] => {
  const own = placed.filter((sample) => sample.track === track).map((sample) => sample[time]);
  return own.slice(1).map((at, index) => at - own[index]!);
};

test('the earliest sample is at time 0, and sound and picture stay as far apart as in the file', (t) => {
  const placed = playRounds(film(10, 20), 1);
  t.is(placed[0]!.dtsUs, 0);
  t.is(placed.find(({ track }) => track === 0)!.ptsUs, 80_000);
  t.is(placed.filter(({ track }) => track === 1)[1]!.ptsUs, 80_000);
});

test('the sound of the next round follows without a hole and without its lead-in', (t) => {
  const placed = playRounds(film(10, 21), 3);
  t.deepEqual([...new Set(stepsOf(placed, 1))], [20_000]);
  t.deepEqual([...new Set(stepsOf(placed, 0))].sort(), [40_000, 60_000]);
  t.false(placed.some(({ discontinuity }) => discontinuity));
  const [pictures, sounds] = [0, 1].map((track) => placed.filter((sample) => sample.track === track));
  t.is(pictures![20]!.ptsUs, sounds![43]!.ptsUs, 'the third round begins with picture and sound together');
});

test('sound that ends within the last picture decides, sound that ends earlier does not', (t) => {
  t.deepEqual([...new Set(stepsOf(playRounds(film(10, 19), 2), 1))], [20_000]);
  t.true(stepsOf(playRounds(film(10, 12), 2), 0).every((step) => step === 40_000));
});

test('a file of one picture loops without racing', (t) => {
  const clock = new PlaybackClock([{ kind: 'video' }]);
  const picture: FileSample = { track: 0, ptsUs: 0, dtsUs: 0, durationUs: 0, key: true, data };
  clock.begin([picture]);
  clock.place(picture);
  clock.nextRound();
  t.is(clock.place(picture)!.dtsUs, 40_000);
});

test('after a jump time goes on behind what was written, marked once in each track', (t) => {
  const samples = film(50, 100);
  const clock = new PlaybackClock(TRACKS);
  clock.begin(samples);
  for (const sample of samples.slice(0, 60)) clock.place(sample);
  const target = samples.filter(({ ptsUs }) => ptsUs < 200_000 && ptsUs >= 0);
  clock.jump(target, 700_000);
  const placed = target.map((sample) => clock.place(sample)!);
  t.is(Math.min(...placed.map(({ dtsUs }) => dtsUs)), 740_000);
  t.deepEqual([0, 1].map((track) => placed.filter((sample) => sample.track === track).map(({ discontinuity }) => discontinuity).indexOf(true)), [0, 0]);
  t.is(placed.filter(({ discontinuity }) => discontinuity).length, 2);
  t.is(placed[0]!.dtsUs - clock.shiftUs, target[0]!.dtsUs + 80_000, 'positions are those of the file');
});

test('a clock continues from its plain data', (t) => {
  const samples = film(10, 20);
  const clock = new PlaybackClock(TRACKS);
  clock.begin(samples);
  for (const sample of samples) clock.place(sample);
  clock.nextRound();
  const continued = new PlaybackClock(TRACKS, structuredClone(clock.exportState()));
  t.deepEqual(samples.map((sample) => continued.place(sample)), samples.map((sample) => clock.place(sample)));
});

test('a queue gives the earliest of all tracks, whatever order they came in', (t) => {
  const queue = new SampleQueue(2);
  const placed = playRounds(film(4, 8), 1);
  for (const sample of [...placed.filter(({ track }) => track === 1), ...placed.filter(({ track }) => track === 0)]) queue.push(sample);
  t.is(queue.newestUs, Math.max(...placed.map(({ dtsUs }) => dtsUs)));
  t.is(queue.list().length, placed.length);
  const taken: number[] = [];
  for (let sample = queue.peek(); sample !== undefined; sample = queue.peek()) {
    taken.push(sample.dtsUs);
    queue.drop(sample);
  }
  t.deepEqual(taken, placed.map(({ dtsUs }) => dtsUs).sort((a, b) => a - b));
  t.true(queue.isEmpty);
  t.is(queue.newestUs, -Infinity);
});

test('an address names a file, with its percent-encoding undone once', (t) => {
  t.deepEqual(parseVodUri('vod://a/b.mp4'), { live: false, file: 'a/b.mp4' });
  t.deepEqual(parseVodUri('VOD-LIVE://two%20words%2525.mkv'), { live: true, file: 'two words%25.mkv' });
  for (const uri of ['vod://', 'vod:/a', 'file://a', 'vod://a%zz']) t.throws(() => parseVodUri(uri), { code: 'MEDIA_E_NAME_INVALID' });
});
