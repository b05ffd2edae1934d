import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import type { FrameSink } from '../../../core/media/subscription.ts';
import { AUDIO, META, RecordingSink, VIDEO, audio, makeBus, video } from '../../support/media.ts';

const both = { name: 'a', owner: 'x', tracks: [VIDEO, AUDIO], meta: META };

function subscribe(bus: ReturnType<typeof makeBus>['bus'], options: { from?: 'gop' | 'key' | 'live' } = {}) {
  const sink = new RecordingSink();
  const subscription = bus.find('a')!.subscribe({ plane: 'frames', sink, label: 'r', ...options });
  return { sink, subscription };
}

test('a late joiner gets tracks, the cached group in order of arrival, then live frames, each once', (t) => {
  const { bus } = makeBus();
  const publication = bus.publish(both);
  for (const frame of [video(0, true), audio(10), video(40, true), audio(50), video(80, false)]) publication.write(frame);
  const { sink } = subscribe(bus);
  publication.write(audio(90));
  t.deepEqual(sink.log, ['tracks video:h264,audio:aac', 'V!40', 'A50', 'V80', 'A90']);
});

test('from key waits for the next key frame but takes sound at once, and asks the publisher', (t) => {
  const { bus } = makeBus();
  const asked: string[] = [];
  const publication = bus.publish({ ...both, onKeyFrameRequest: (id) => void asked.push(id) });
  publication.write(video(0, true));
  const { sink } = subscribe(bus, { from: 'key' });
  for (const frame of [video(40, false), audio(50), video(80, true), video(120, false)]) publication.write(frame);
  t.deepEqual(sink.log.slice(1), ['A50', 'V!80', 'V120']);
  t.deepEqual(asked, ['video']);
});

test('from live takes whatever comes', (t) => {
  const { bus } = makeBus();
  const publication = bus.publish(both);
  publication.write(video(0, true));
  const { sink } = subscribe(bus, { from: 'live' });
  publication.write(video(40, false));
  t.deepEqual(sink.log.slice(1), ['V40']);
});

test('a sink that throws is ended and reported, the others get every frame', (t) => {
  const { bus, faults } = makeBus();
  const publication = bus.publish(both);
  const before = subscribe(bus);
  const ends: string[] = [];
  const bad: FrameSink = { onTracks: () => undefined, onFrame: () => { throw new Error('boom'); }, onEnd: (reason) => void ends.push(reason) };
  const broken = bus.find('a')!.subscribe({ plane: 'frames', sink: bad, label: 'bad' });
  const after = subscribe(bus);
  publication.write(video(0, true));
  publication.write(video(40, false));
  t.is(broken.state, 'closed');
  t.deepEqual(ends, ['Internal error of the reader']);
  t.is(faults.length, 1);
  t.deepEqual([before.sink.frames.length, after.sink.frames.length], [2, 2]);
  t.is(bus.find('a')!.subscriberCount, 2);
});

test('readers that close or join from within the loop disturb nobody', (t) => {
  const { bus } = makeBus();
  const publication = bus.publish(both);
  const late = new RecordingSink();
  const closer: FrameSink = {
    onTracks: () => undefined,
    onFrame: () => {
      if (first.state !== 'active') return;
      first.close();
      second.subscription.close();
      bus.find('a')!.subscribe({ plane: 'frames', sink: late, label: 'late' });
    },
    onEnd: () => undefined,
  };
  const first = bus.find('a')!.subscribe({ plane: 'frames', sink: closer, label: 'closer' });
  const second = subscribe(bus);
  const third = subscribe(bus);
  publication.write(video(0, true));
  publication.write(video(40, false));
  t.deepEqual(second.sink.log.slice(1), []);
  t.deepEqual(third.sink.log.slice(1), ['V!0', 'V40']);
  t.deepEqual(late.log.slice(1), ['V!0', 'V40']);
});

test('a live name is refused to another owner and given to the same one, whose old publication dies', (t) => {
  const { bus } = makeBus();
  const told: string[] = [];
  const old = bus.publish({ ...both, onTerminate: (reason) => void told.push(reason) });
  const { sink } = subscribe(bus);
  old.write(video(5000, true));
  const error = t.throws(() => bus.publish({ ...both, owner: 'y' }), { instanceOf: WcsError });
  t.is(error.code, 'MEDIA_E_NAME_IN_USE');
  const next = bus.publish(both);
  t.deepEqual(told, ['Stream name is already in use']);
  t.is(old.state, 'retired');
  old.write(video(5040, false));
  old.end('late goodbye');
  next.write(video(0, false));
  next.write(video(40, true));
  next.write(audio(30));
  t.deepEqual(sink.log.slice(1), ['V!5000', 'resume', 'V!5040*', 'A5030']);
  t.is(bus.find('a')!.state, 'live');
});

test('readers survive a suspended publisher until the grace time is over', (t) => {
  const { bus, time } = makeBus();
  const publication = bus.publish(both);
  const { sink } = subscribe(bus);
  publication.suspend('connection lost');
  time.advance(9_999);
  t.is(bus.find('a')!.state, 'suspended');
  time.advance(1);
  t.is(bus.find('a'), undefined);
  t.deepEqual(sink.log.slice(1), ['suspend', 'end connection lost']);
  t.is(time.pending, 0);
});

test('any owner may take a suspended name over; changed tracks are told after the resume', (t) => {
  const { bus, time } = makeBus();
  bus.publish(both).suspend('gone');
  const { sink } = subscribe(bus);
  const changed = { ...VIDEO, codecConfig: Uint8Array.of(9) };
  const next = bus.publish({ ...both, owner: 'other', tracks: [changed, AUDIO] });
  next.write(video(0, true, 10, changed));
  time.advance(60_000);
  t.deepEqual(sink.log, ['tracks video:h264,audio:aac', 'suspend', 'resume', 'tracks video:h264,audio:aac', 'V!0']);
  t.is(sink.frames[0]!.track, changed);
});

test('callbacks move to a new owner object', (t) => {
  const { bus } = makeBus();
  const asked: string[] = [];
  const publication = bus.publish({ ...both, onKeyFrameRequest: () => void asked.push('old'), onTerminate: () => void asked.push('old end') });
  publication.setCallbacks({ onKeyFrameRequest: () => void asked.push('new'), onTerminate: (reason) => void asked.push(reason) });
  bus.find('a')!.requestKeyFrame();
  bus.find('a')!.terminate('by operator');
  t.deepEqual(asked, ['new', 'by operator']);
});

test('key-frame requests are throttled with a trailing edge that a key frame cancels', (t) => {
  const { bus, time } = makeBus({ keyFrameIntervalMs: 300 });
  let asked = 0;
  const publication = bus.publish({ ...both, onKeyFrameRequest: () => void (asked += 1) });
  const stream = bus.find('a')!;
  for (let i = 0; i < 5; i += 1) stream.requestKeyFrame();
  t.is(asked, 1);
  time.advance(300);
  t.is(asked, 2);
  stream.requestKeyFrame();
  publication.write(video(0, true));
  time.advance(1000);
  t.is(asked, 2);
});

test('a reader without a codec in common is refused with the track and the way out, or goes without it', (t) => {
  const { bus } = makeBus();
  const publication = bus.publish(both);
  const options = { plane: 'frames', label: 'r', accept: [{ kind: 'video', codecs: ['h264'] }, { kind: 'audio', codecs: ['opus'] }] } as const;
  const error = t.throws(() => bus.find('a')!.subscribe({ ...options, sink: new RecordingSink() }), { instanceOf: WcsError });
  t.is(error.code, 'MEDIA_E_NO_COMMON_CODEC');
  t.regex(error.message, /Transcoding required, but disabled: track audio is aac, the reader takes opus/);
  t.is(bus.find('a')!.subscriberCount, 0);
  const sink = new RecordingSink();
  bus.find('a')!.subscribe({ ...options, sink, onMismatch: 'omit' });
  publication.write(audio(0));
  publication.write(video(0, true));
  t.deepEqual(sink.log, ['tracks video:h264', 'V!0']);
});

test('one derived track serves every reader that wants the same and ends after the last one', (t) => {
  const { bus, time } = makeBus({ transcodeIdleMs: 5_000 });
  const publication = bus.publish(both);
  let starts = 0;
  bus.registerTranscoder({
    name: 't',
    canTranscode: (from, to) => from.codec === 'aac' && to === 'opus',
    start: ({ stream, track, trackId, output }) => {
      starts += 1;
      const made = { ...track, id: trackId, codec: 'opus' as const };
      const source = stream.subscribe({
        plane: 'frames', label: 'transcoder', accept: [{ kind: 'audio', codecs: ['aac'] }],
        sink: { onTracks: () => output.setTrack(made), onFrame: (frame) => output.write({ ...frame, track: made }), onEnd: () => undefined },
      });
      return { close: () => source.close() };
    },
  });
  const sinks = [new RecordingSink(), new RecordingSink()];
  const accept = [{ kind: 'audio', codecs: ['opus'] }] as const;
  const subscriptions = sinks.map((sink) => bus.find('a')!.subscribe({ plane: 'frames', label: 'r', accept, sink }));
  publication.write(audio(20));
  t.is(starts, 1);
  for (const sink of sinks) t.deepEqual(sink.log, ['tracks audio.opus:opus', 'A20']);
  subscriptions.forEach((subscription) => subscription.close());
  time.advance(5_000);
  t.is(bus.find('a')!.subscriberCount, 0);
});

test('plane converters run once per track for all readers and end with the last one', (t) => {
  const { bus } = makeBus();
  const publication = bus.publish(both);
  const events: string[] = [];
  bus.registerConverter({
    type: 'packetiser',
    codecs: ['h264', 'aac'],
    open: (track, emit) => {
      events.push(`open ${track.id}`);
      return {
        write: (frame) => emit({ track, rtp: frame.data, sequence: 0, ptsUs: frame.ptsUs, marker: true, key: frame.key, receivedAtMs: 0 }),
        close: () => void events.push(`close ${track.id}`),
      };
    },
  });
  publication.write(video(0, true));
  const got: number[] = [];
  const sink = (): FrameSink => ({ onTracks: () => undefined, onPacket: (packet) => void got.push(packet.ptsUs / 1000), onEnd: () => undefined });
  const readers = [1, 2].map(() => bus.find('a')!.subscribe({ plane: 'packets', label: 'p', sink: sink() }));
  publication.write(video(40, false));
  publication.write(video(80, true));
  // The first of them gets what is cached; the second one joins a running conversion and begins at a key frame.
  t.deepEqual(got, [0, 40, 80, 80]);
  readers.forEach((reader) => reader.close());
  t.deepEqual(events, ['open video', 'close video']);
});

test('ready waits for tracks, and rejects when the stream ends or the wait is aborted', async (t) => {
  const { bus } = makeBus();
  const publication = bus.publish({ name: 'a', owner: 'x', meta: META });
  const stream = bus.find('a')!;
  const sink = new RecordingSink();
  const subscription = stream.subscribe({ plane: 'frames', sink, label: 'early' });
  t.is(subscription.state, 'waiting');
  await t.throwsAsync(stream.ready(AbortSignal.abort(new Error('stop'))), { message: 'stop' });
  const ready = stream.ready();
  publication.setTracks([VIDEO]);
  await ready;
  t.deepEqual(sink.log, ['tracks video:h264']);
  const other = bus.publish({ name: 'b', owner: 'x', meta: META });
  const never = bus.find('b')!.ready();
  other.end('bye');
  await t.throwsAsync(never, { message: /ended: bye/ });
});

test('statistics tell totals, rates of the last seconds and the offset of sound to picture', (t) => {
  const { bus, time } = makeBus();
  const publication = bus.publish(both);
  for (let ms = 0; ms < 4000; ms += 40) {
    publication.write({ ...video(ms, ms % 1000 === 0, 1000), receivedAtMs: time.nowMs() });
    publication.write({ ...audio(ms + 30), receivedAtMs: time.nowMs() });
    time.advance(40);
  }
  const { stats } = bus.find('a')!;
  const picture = stats.tracks[0]!;
  t.is(stats.frames, 200);
  t.is(stats.keyFrames, 4);
  t.is(picture.bytes, 100_000);
  t.true(Math.abs(picture.fps - 25) < 2, String(picture.fps));
  t.true(Math.abs(picture.bitrateBps - 200_000) < 16_000, String(picture.bitrateBps));
  t.is(stats.avOffsetMs, 30);
});

test('a closed subscription lets go of its sink while the stream lives', async (t) => {
  const { bus } = makeBus();
  const publication = bus.publish(both);
  const registry: WeakRef<object>[] = [];
  const open = (): void => {
    const sink = new RecordingSink();
    registry.push(new WeakRef(sink));
    const subscription = bus.find('a')!.subscribe({ plane: 'frames', sink, label: 'gone' });
    publication.write(video(0, true));
    subscription.close();
    keep.push(subscription);
    const callbacks = { onKeyFrameRequest: () => assertAlive(callbacks) };
    registry.push(new WeakRef(callbacks));
    publication.setCallbacks(callbacks);
    publication.setCallbacks({});
  };
  const keep: unknown[] = [];
  open();
  await new Promise((resolve) => setImmediate(resolve));
  (globalThis as unknown as { gc(): void }).gc();
  t.deepEqual(registry.map((ref) => ref.deref()), [undefined, undefined]);
  t.is(bus.find('a')!.state, 'live');
});

function assertAlive(value: object): void {
  if (new WeakRef(value).deref() === undefined) throw new Error('gone');
}
