import test from 'ava';
import { ntpOfUnixMs } from '../../../core/rtp/ntp.ts';
import { PublisherClock } from '../../../core/rtp/publisher-clock.ts';

const VIDEO = 90_000;
const AUDIO = 48_000;
const WALL_MS = Date.UTC(2026, 0, 1);

test('before any report the first packet of a track has its time of arrival, and the next ones keep their exact distance', (t) => {
  const clock = new PublisherClock('audio');
  const first = clock.timeUs('audio', AUDIO, 0xffff_fff0, 1000);
  t.is(first, 1_000_000);
  t.is(clock.timeUs('audio', AUDIO, (0xffff_fff0 + 960) >>> 0, 1050), 1_020_000);
  t.is(clock.timeUs('audio', AUDIO, 0xffff_fff0 - 960, 1051), 980_000, 'a late one');
});

test('the picture is moved to the sound by the reports of both, and the sound never', (t) => {
  const clock = new PublisherClock('audio');
  // Taken at the same instant; the picture comes 120 ms later.
  const audio = clock.timeUs('audio', AUDIO, 48_000, 1000);
  t.is(clock.timeUs('video', VIDEO, 90_000, 1120), 1_120_000);
  clock.report('video', ntpOfUnixMs(WALL_MS), 90_000);
  t.is(clock.timeUs('video', VIDEO, 90_000 + 3000, 1150), 1_153_333, 'one report alone says nothing');
  clock.report('audio', ntpOfUnixMs(WALL_MS + 500), 48_000 + 24_000);
  t.is(clock.timeUs('audio', AUDIO, 48_000 + 960, 1020), audio + 20_000);
  t.true(Math.abs(clock.timeUs('video', VIDEO, 90_000 + 6000, 1180) - (audio + 66_667)) < 100);
});

test('a picture is moved whole: packets of one that has begun, and late ones before it, keep the clock that they came under', (t) => {
  const clock = new PublisherClock('audio');
  clock.timeUs('audio', AUDIO, 0, 1000);
  const first = clock.timeUs('video', VIDEO, 0, 1120);
  const second = clock.timeUs('video', VIDEO, 3000, 1153);
  clock.report('audio', ntpOfUnixMs(WALL_MS), 0);
  clock.report('video', ntpOfUnixMs(WALL_MS), 0);
  t.is(clock.timeUs('video', VIDEO, 3000, 1154), second, 'its next packet');
  clock.report('video', ntpOfUnixMs(WALL_MS + 10), 0);
  t.is(clock.timeUs('video', VIDEO, 3000, 1155), second, 'and after one more report');
  t.is(clock.timeUs('video', VIDEO, 6000, 1187), 1_010_000 + 66_667, 'the next picture');
  const next = new PublisherClock('audio', structuredClone(clock.exportState()));
  t.is(next.timeUs('video', VIDEO, 0, 1188), first, 'a late one');
  t.is(next.timeUs('video', VIDEO, 6000, 1188), 1_010_000 + 66_667);
});

test('what reports say later is followed in steps that no picture goes back by', (t) => {
  const clock = new PublisherClock('audio');
  clock.timeUs('audio', AUDIO, 0, 1000);
  clock.timeUs('video', VIDEO, 0, 1000);
  clock.report('audio', ntpOfUnixMs(WALL_MS), 0);
  clock.report('video', ntpOfUnixMs(WALL_MS + 50), 0);
  t.is(clock.timeUs('video', VIDEO, 3000, 1033), 1_083_333);
  clock.report('video', ntpOfUnixMs(WALL_MS + 20), 0);
  t.is(clock.timeUs('video', VIDEO, 6000, 1067), 1_106_667, 'ten of the thirty milliseconds');
  clock.report('video', ntpOfUnixMs(WALL_MS + 20), 0);
  clock.report('video', ntpOfUnixMs(WALL_MS + 20), 0);
  t.is(clock.timeUs('video', VIDEO, 9000, 1100), 1_120_000, 'all of them');
});

test('a sender that does not know the time moves nothing', (t) => {
  const clock = new PublisherClock('audio');
  clock.timeUs('audio', AUDIO, 0, 1000);
  clock.timeUs('video', VIDEO, 0, 1000);
  clock.report('audio', ntpOfUnixMs(WALL_MS), 0);
  clock.report('video', ntpOfUnixMs(WALL_MS + 3_600_000), 0);
  t.is(clock.timeUs('video', VIDEO, 9000, 1100), 1_100_000);
});

test('a clock goes on from its plain data as if it had never stopped', (t) => {
  const clock = new PublisherClock('audio');
  clock.timeUs('audio', AUDIO, 0, 1000);
  clock.timeUs('video', VIDEO, 0, 1080);
  clock.report('audio', ntpOfUnixMs(WALL_MS), 0);
  clock.report('video', ntpOfUnixMs(WALL_MS), 0);
  const next = new PublisherClock('audio', structuredClone(clock.exportState()));
  t.is(next.timeUs('video', VIDEO, 9000, 1), clock.timeUs('video', VIDEO, 9000, 1));
  t.is(next.timeUs('audio', AUDIO, 4800, 1), clock.timeUs('audio', AUDIO, 4800, 1));
});
