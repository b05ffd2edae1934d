import test from 'ava';
import type { MediaBus } from '../../../core/media/media-bus.ts';
import { META, RecordingSink, VIDEO, makeBus } from '../../support/media.ts';

const URI = 'cam://host/1';

function source(bus: MediaBus, counts: { starts: number; stops: number }, fails = false) {
  return {
    scheme: 'cam',
    start: async (uri: string, { signal }: { signal: AbortSignal }) => {
      counts.starts += 1;
      await Promise.resolve();
      if (fails) throw new Error('no route');
      const publication = bus.publish({ name: uri, owner: 'cam', tracks: [VIDEO], meta: META });
      signal.addEventListener('abort', () => {
        counts.stops += 1;
        publication.end('idle');
      });
    },
  };
}

test('one start serves all that ask at once, and the source stops when its last reader has left for a while', async (t) => {
  const { bus, time } = makeBus({ sourceIdleMs: 10_000 });
  const counts = { starts: 0, stops: 0 };
  bus.registerSource(source(bus, counts));
  const streams = await Promise.all([bus.resolve(URI), bus.resolve(URI), bus.resolve(URI)]);
  t.is(new Set(streams).size, 1);
  const subscription = streams[0].subscribe({ plane: 'frames', sink: new RecordingSink(), label: 'r' });
  time.advance(60_000);
  t.deepEqual(counts, { starts: 1, stops: 0 });
  subscription.close();
  time.advance(9_999);
  t.is(bus.find(URI)!.state, 'live');
  time.advance(1);
  t.deepEqual(counts, { starts: 1, stops: 1 });
  t.is(bus.find(URI), undefined);
  t.is(time.pending, 0);
});

test('a failed start is told to all that wait and remembered for a second only', async (t) => {
  const { bus, time } = makeBus({ sourceFailureMs: 1_000 });
  const counts = { starts: 0, stops: 0 };
  bus.registerSource(source(bus, counts, true));
  const waits = [bus.resolve(URI), bus.resolve(URI)];
  for (const wait of waits) await t.throwsAsync(wait, { message: /no route/, code: 'MEDIA_E_SOURCE_FAILED' });
  await t.throwsAsync(bus.resolve(URI));
  t.is(counts.starts, 1);
  time.advance(1_000);
  await t.throwsAsync(bus.resolve(URI));
  t.is(counts.starts, 2);
});

test('unknown schemes and names are not found, resolvers are asked in order, an aborted wait leaves the others', async (t) => {
  const { bus } = makeBus();
  await t.throwsAsync(bus.resolve('nope://x'), { code: 'MEDIA_E_NOT_FOUND' });
  await t.throwsAsync(bus.resolve('plain'), { code: 'MEDIA_E_NOT_FOUND' });
  const asked: string[] = [];
  const resolver = (name: string, order: number, claims: boolean) => ({
    name, order,
    resolve: (stream: string) => {
      asked.push(name);
      if (claims) bus.publish({ name: stream, owner: name, tracks: [VIDEO], meta: META });
      return Promise.resolve(claims);
    },
  });
  bus.registerResolver(resolver('late', 2, true));
  bus.registerResolver(resolver('early', 1, false));
  const abort = new AbortController();
  const aborted = bus.resolve('plain', { signal: abort.signal });
  const patient = bus.resolve('plain');
  abort.abort(new Error('gone'));
  await t.throwsAsync(aborted, { message: 'gone' });
  t.is((await patient).name, 'plain');
  t.deepEqual(asked, ['early', 'late']);
});

test('a newer source of the scheme adopts what runs, and releasing the older removes nothing', async (t) => {
  const { bus, time } = makeBus();
  const counts = { starts: 0, stops: 0 };
  const release = bus.registerSource(source(bus, counts));
  await bus.resolve(URI);
  let stopped = 0;
  bus.registerSource({ ...source(bus, counts), adopt: (_uri, { signal }) => signal.addEventListener('abort', () => void (stopped += 1)) });
  release();
  time.advance(60_000);
  t.deepEqual([counts.stops, stopped], [0, 1]);
});
