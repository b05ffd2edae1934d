import test from 'ava';
import { GopCache } from '../../../core/media/gop-cache.ts';
import { AUDIO, frameOf, VIDEO } from '../../support/hls-frames.ts';

test('sound of the time of a key frame that came before it follows it; what is older is gone', (t) => {
  const cache = new GopCache();
  cache.setHasVideo(true);
  const sound = (ms: number) => frameOf(AUDIO, ms * 1000, true);
  const picture = (ms: number, key: boolean) => frameOf(VIDEO, ms * 1000, key);
  for (const frame of [sound(0), sound(2000), sound(2020), sound(2040), picture(2000, false)]) cache.push(frame);
  t.deepEqual(cache.frames, [], 'before a key frame there is nothing to begin with');
  cache.push(picture(2010, true));
  t.deepEqual(cache.frames.map(({ dtsUs }) => dtsUs / 1000), [2010, 2020, 2040]);
  cache.clear();
  for (const frame of [picture(0, true), sound(0), sound(20), picture(40, false), sound(60), sound(80), sound(100)]) cache.push(frame);
  t.deepEqual(cache.frames.map(({ dtsUs }) => dtsUs / 1000), [0, 0, 20, 40, 60, 80, 100]);
  const key = picture(80, true);
  cache.push(key);
  cache.push(picture(120, false));
  t.is(cache.frames[0], key);
  t.deepEqual(cache.frames.map(({ track, dtsUs }) => `${track.kind} ${dtsUs / 1000}`), ['video 80', 'audio 80', 'audio 100', 'video 120']);
  t.is(cache.bytes, 12);
});
