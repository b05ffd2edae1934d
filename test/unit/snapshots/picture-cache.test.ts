import test from 'ava';
import { PictureCache } from '../../../plugins/snapshots/session/picture-cache.ts';

const picture = (bytes: number): Promise<Uint8Array> => Promise.resolve(new Uint8Array(bytes));

function setUp(keepMs: number, maxBytes?: number) {
  const timers: { ms: number; work: () => void }[] = [];
  const cache = new PictureCache(keepMs, (ms, work) => {
    timers.push({ ms, work });
    return () => undefined;
  }, maxBytes);
  let made = 0;
  const get = (key: string, bytes = 10): Promise<Uint8Array> =>
    cache.get(key, () => {
      made++;
      return picture(bytes);
    });
  return { timers, cache, get, made: () => made };
}

test('all who ask for the same picture get the one that is being made, and later ones too until its time is over', async (t) => {
  const { get, made, timers } = setUp(500);
  const [first, second] = await Promise.all([get('a'), get('a')]);
  t.is(first, second);
  t.is(await get('a'), first);
  t.is(made(), 1);
  t.deepEqual(timers.map(({ ms }) => ms), [500]);
  timers[0]?.work();
  t.not(await get('a'), first);
  t.is(made(), 2);
});

test('a failure is kept like a picture', async (t) => {
  const { cache, timers } = setUp(500);
  let tries = 0;
  const fail = (): Promise<Uint8Array> => Promise.reject(new Error(`try ${++tries}`));
  await t.throwsAsync(cache.get('a', fail), { message: 'try 1' });
  await t.throwsAsync(cache.get('a', fail), { message: 'try 1' });
  timers[0]?.work();
  await t.throwsAsync(cache.get('a', fail), { message: 'try 2' });
});

test('the oldest pictures go when all together are too large', async (t) => {
  const { get, made } = setUp(500, 25);
  for (const key of ['a', 'b', 'c']) await get(key);
  await get('b');
  await get('c');
  t.is(made(), 3, 'the later ones are kept');
  await get('a');
  t.is(made(), 4, 'the first one is gone');
});

test('without a time to keep them, pictures are shared only while they are made', async (t) => {
  const { get, made, timers } = setUp(0);
  await Promise.all([get('a'), get('a')]);
  await get('a');
  t.is(made(), 2);
  t.is(timers.length, 0);
});
