import test from 'ava';
import type { MediaBus } from '../../../core/media/media-bus.ts';
import type { Playback } from '../../../core/media/playback.ts';
import type { SourceContext, StreamSource } from '../../../core/media/sources.ts';
import { META, RecordingSink, VIDEO, makeBus } from '../../support/media.ts';

const URI = 'film://one';

interface Started {
  readonly uri: string;
  readonly context: SourceContext;
}

function personalSource(bus: MediaBus, started: Started[], fails = false): StreamSource {
  return {
    scheme: 'film',
    personal: true,
    idleMs: 1000,
    start: async (uri, context) => {
      started.push({ uri, context });
      await Promise.resolve();
      if (fails) throw new Error('torn');
      const publication = bus.publish({ name: context.streamName, owner: context.streamName, tracks: [VIDEO], meta: META });
      context.signal.addEventListener('abort', () => publication.end('idle'));
    },
  };
}

const read = (bus: MediaBus, name: string) => bus.find(name)!.subscribe({ plane: 'frames', sink: new RecordingSink(), label: 'r' });

test('every reader of a personal source gets a stream of its own, which ends when that reader has left for a while', async (t) => {
  const { bus, time } = makeBus();
  const started: Started[] = [];
  bus.registerSource(personalSource(bus, started));
  const [one, two] = await Promise.all([bus.resolve(URI, { personal: true }), bus.resolve(URI, { personal: true })]);
  t.not(one, two);
  t.deepEqual(started.map(({ uri }) => uri), [URI, URI]);
  for (const stream of [one, two]) t.regex(stream.name, /^film:\/\/one#[0-9a-f-]{36}$/);
  const first = read(bus, one.name);
  read(bus, two.name);
  first.close();
  time.advance(1000);
  t.deepEqual(bus.streams().map(({ name }) => name), [two.name]);
});

test('a reader that would share a personal stream is refused, and starts nothing', async (t) => {
  const { bus } = makeBus();
  const started: Started[] = [];
  bus.registerSource(personalSource(bus, started));
  await t.throwsAsync(bus.resolve(URI), { code: 'MEDIA_E_NOT_SHARED', message: /one reader alone/ });
  t.is(started.length, 0);
});

test('a failed start of a personal source is remembered for nobody', async (t) => {
  const { bus, time } = makeBus({ sourceFailureMs: 1000 });
  const started: Started[] = [];
  bus.registerSource(personalSource(bus, started, true));
  await t.throwsAsync(bus.resolve(URI, { personal: true }), { message: /torn/ });
  await t.throwsAsync(bus.resolve(URI, { personal: true }), { message: /torn/ });
  t.is(started.length, 2);
  t.is(time.pending, 0);
});

test('a newer source adopts each copy by its own name, and stops it', async (t) => {
  const { bus, time } = makeBus();
  const started: Started[] = [];
  bus.registerSource(personalSource(bus, started));
  const streams = [await bus.resolve(URI, { personal: true }), await bus.resolve(URI, { personal: true })];
  const adopted: Started[] = [];
  bus.registerSource({ ...personalSource(bus, started), adopt: (uri, context) => void adopted.push({ uri, context }) });
  t.deepEqual(adopted.map(({ uri }) => uri), [URI, URI]);
  t.deepEqual(adopted.map(({ context }) => context.streamName).sort(), streams.map(({ name }) => name).sort());
  time.advance(60_000);
  t.true(adopted.every(({ context }) => context.signal.aborted) && started.every(({ context }) => !context.signal.aborted));
});

test('a stream has the playback of its present publisher, and none while that one is gone', (t) => {
  const { bus } = makeBus();
  const playback: Playback = { durationUs: 5, shiftUs: 0, paused: false, pause: () => undefined, resume: () => undefined, seek: (positionUs) => Promise.resolve(positionUs) };
  const publication = bus.publish({ name: 'a', owner: 'o', tracks: [VIDEO], meta: META, playback });
  t.is(publication.stream.playback, playback);
  publication.setCallbacks({});
  t.is(publication.stream.playback, undefined);
  publication.setCallbacks({ playback });
  publication.suspend('gone');
  t.is(publication.stream.playback, undefined);
});
