import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { MediaFrame } from '../../../core/media/frame.ts';
import { encodeInterleaved } from '../../../plugins/rtsp/wire/message-writer.ts';
import { ask } from '../../support/hls.ts';
import { peerTest, runPeer } from '../../support/peers.ts';
import { RecordingKernel } from '../../support/recordings.ts';
import { NUMBERED_SDP, NumberedPublisher } from '../../support/rtsp-media.ts';
import { FakeRtspServer } from '../../support/rtsp-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const HOUR_S = 3600;
/** Two seconds of media. */
const PICTURES = 50;
/** On a busy machine. */
const LONG_MS = 60_000;

/** A camera with numbered pictures, pulled by a server that records it and lists it by HLS, and a reader of its frames. */
class PulledCamera {
  readonly camera: FakeRtspServer;
  readonly recorder: RecordingKernel;
  readonly frames: MediaFrame[] = [];
  readonly told: string[] = [];
  readonly #hlsPort: number;

  private constructor(camera: FakeRtspServer, recorder: RecordingKernel, hlsPort: number) {
    this.camera = camera;
    this.recorder = recorder;
    this.#hlsPort = hlsPort;
  }

  static async start(t: ExecutionContext, folder: string): Promise<PulledCamera> {
    const [rtspPort = 0, port = 0, tlsPort = 0] = await freePorts(3);
    const camera = await FakeRtspServer.start(({ method }) => (method === 'DESCRIBE' ? { status: 200, headers: [['Content-Type', 'application/sdp']], body: NUMBERED_SDP } : undefined));
    camera.sends = false;
    t.teardown(() => camera.close());
    const client = { answerTimeoutMs: 20_000, silenceTimeoutMs: 2000, retryFirstMs: 100 };
    const recorder = await RecordingKernel.start(t, folder, { streams: ['camera'] }, { rtsp: { port: rtspPort, client }, hls: { port, tlsPort } });
    const pulled = new PulledCamera(camera, recorder, port);
    const { operations } = recorder.kernel.kernel.parts;
    await operations.call('rtsp.startup', { uri: camera.url(), toStream: 'camera' }, { caller: { kind: 'rest', user: 'test', role: 'admin', address: '127.0.0.1' }, signal: new AbortController().signal });
    recorder.media.find('camera')?.subscribe({
      plane: 'frames',
      from: 'live',
      label: 'test',
      sink: {
        onTracks: () => undefined,
        onFrame: (frame) => void pulled.frames.push(frame),
        onSuspend: () => void pulled.told.push('suspended'),
        onResume: () => void pulled.told.push('resumed'),
        onEnd: (reason) => void pulled.told.push(reason),
      },
    });
    return pulled;
  }

  /** What the camera shows on its newest connection, from its first picture on. */
  show(): NumberedPublisher {
    const socket = this.camera.clients.at(-1)?.socket;
    return new NumberedPublisher({ send: (track, rtp) => void socket?.write(encodeInterleaved(2 * track, rtp)) });
  }

  /** Shows so many pictures, with a report of each track's clock, and waits until the last of them is with the reader. */
  async pictures(media: NumberedPublisher, count = PICTURES): Promise<void> {
    const socket = this.camera.clients.at(-1)?.socket;
    for (const track of [0, 1] as const) socket?.write(encodeInterleaved(2 * track + 1, media.report(track)));
    for (let index = 0; index < count; index++) media.next();
    const last = media.number - 1;
    await until(() => this.frames.some(({ track, data }) => track.kind === 'audio' && numberOf(data, 0) === last), `sound ${last}`, LONG_MS);
  }

  /** Numbers of the frames of a kind, a break marked with a star. */
  numbers(kind: 'audio' | 'video'): string[] {
    return this.frames.filter(({ track }) => track.kind === kind).map(({ data, discontinuity }) => `${numberOf(data, kind === 'audio' ? 0 : 5)}${discontinuity === true ? '*' : ''}`);
  }

  /** The media playlist, once it bears so many breaks. */
  list(breaks: number): Promise<string> {
    return until(async () => {
      const { text } = await ask(this.#hlsPort, '/camera/camera.m3u8');
      return text.split('#EXT-X-DISCONTINUITY\n').length - 1 === breaks ? text : undefined;
    }, `${breaks} breaks in the playlist`, LONG_MS);
  }
}

/** Sounds begin with their number, pictures after length and header of their NAL unit. */
function numberOf(data: Uint8Array, at: number): number {
  return new DataView(data.buffer, data.byteOffset).getUint32(at);
}

function counted(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}

const folder = temporaryFolder();

peerTest('a camera whose clock jumps an hour ahead in the middle of a picture, and back, costs its readers that picture: they are told of a break, and nothing ends', ['ffprobe'], async (t) => {
  t.timeout(180_000);
  const pulled = await PulledCamera.start(t, join(folder, 'jumps'));
  const media = pulled.show();
  await pulled.pictures(media);
  await pulled.list(0);
  for (const packet of media.picture().slice(0, 2)) packet();
  media.clockAheadS = HOUR_S;
  await pulled.pictures(media);
  await pulled.list(1);
  media.clockAheadS = 0;
  await pulled.pictures(media);
  const list = await pulled.list(2);
  t.false(list.includes('#EXT-X-ENDLIST'));
  t.deepEqual(pulled.told, []);
  // Picture 50 was broken off.
  t.deepEqual(pulled.numbers('video'), [...counted(0, 50), '51*', ...counted(52, 101), '101*', ...counted(102, 151)]);
  t.deepEqual(pulled.numbers('audio'), [...counted(0, 50), '51*', ...counted(52, 101), '101*', ...counted(102, 151)]);
  for (const kind of ['audio', 'video']) {
    const times = pulled.frames.filter(({ track }) => track.kind === kind).map(({ dtsUs }) => dtsUs);
    t.true(times.every((us, index) => index === 0 || (us > times[index - 1]! && us - times[index - 1]! < 500_000)), kind);
  }
  t.is(pulled.recorder.complete.length, 0);
  await pulled.recorder.kernel.call('rtsp.terminate', { uri: pulled.camera.url() });
  const [file, ...others] = await pulled.recorder.files('camera');
  t.deepEqual(others, []);
  // The pictures are numbers, of which a decoder would complain.
  const { stdout } = await runPeer(t, 'ffprobe', ['-v', 'fatal', '-show_entries', 'packet=codec_type,pts_time', '-of', 'csv=p=0', file?.path ?? '']);
  for (const kind of ['audio', 'video']) {
    const times = stdout.split('\n').filter((line) => line.startsWith(kind)).map((line) => Number(line.split(',')[1]));
    // A recording begins with a picture: the first sound may be before it.
    t.true(times.length === 3 * PICTURES || (kind === 'audio' && times.length === 3 * PICTURES - 1), `${times.length} of ${kind}`);
    t.true(times.every((seconds, index) => index === 0 || (seconds > times[index - 1]! && seconds - times[index - 1]! < 0.5)), kind);
  }
});

test.serial('a camera that stops in the middle of a picture is called again, and its readers go on after a break', async (t) => {
  t.timeout(180_000);
  const pulled = await PulledCamera.start(t, join(folder, 'stops'));
  const before = pulled.show();
  await pulled.pictures(before);
  await pulled.list(0);
  const [first] = before.picture();
  first?.();
  pulled.camera.clients[0]?.socket.write(Uint8Array.of(0x24, 0, 4, 0, 0x80));
  await until(() => pulled.told.length === 1, 'the silence to be noticed', LONG_MS);
  await until(() => pulled.camera.clients.at(1)?.playing, 'the second call', LONG_MS);
  const after = pulled.show();
  await until(() => {
    after.next();
    return pulled.frames.length > 2 * PICTURES + 20;
  }, 'pictures of the second call', LONG_MS);
  const list = await pulled.list(1);
  t.false(list.includes('#EXT-X-ENDLIST'));
  t.deepEqual(pulled.told, ['suspended', 'resumed']);
  const pictures = pulled.numbers('video');
  t.deepEqual(pictures.slice(0, PICTURES), counted(0, PICTURES));
  t.deepEqual(pictures.filter((number) => number.endsWith('*')), [pictures[PICTURES]]);
  t.true(pulled.frames.find(({ track, discontinuity }) => track.kind === 'video' && discontinuity === true)?.key);
  t.is(pulled.recorder.complete.length, 0);
});
