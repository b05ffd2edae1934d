import test, { type ExecutionContext } from 'ava';
import { linkSync } from 'node:fs';
import { join } from 'node:path';
import { nalType } from '../../../core/formats/h264.ts';
import { headerOf, type RtspResponse } from '../../../plugins/rtsp/wire/message.ts';
import { parseRange } from '../../../plugins/rtsp/wire/range.ts';
import { parseRtpInfo } from '../../../plugins/rtsp/wire/rtp-info.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest, runPeer } from '../../support/peers.ts';
import { TestRtspClient } from '../../support/rtsp-client.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

/** Of the clip: 20 s, 30 pictures a second, a key frame each second. */
const PICTURE_TICKS = 3000;
/** On a busy machine. */
const LONG_MS = 60_000;
const FILE = 'vod://film.mp4';
const folder = temporaryFolder();
let server: TestKernel;
let port: number;

test.before(async () => {
  linkSync(join(mediaFolder, 'avc.mp4'), join(folder, 'film.mp4'));
  [port = 0] = await freePorts(1);
  server = await startTestKernel({ plugins: { vod: { folder }, rtsp: { port, playWaitMs: 0 } } });
});
test.after('copies end with their readers', async () => {
  await until(() => !server.kernel.parts.media.streams().some(({ name }) => name.startsWith(FILE)), 'the end of the copies', LONG_MS);
});
test.after.always(() => server.stop());

/** The first packets of the pictures that a player got, from one packet on: RTP timestamp and NAL unit type. */
function pictures({ packets }: TestRtspClient, from = 0): { readonly timestamp: number; readonly type: number }[] {
  const video = packets.slice(from).filter(({ channel }) => channel === 0).map(({ rtp }) => rtp);
  return video.filter(({ timestamp }, at) => timestamp !== video[at - 1]?.timestamp).map(({ timestamp, payload }) => ({ timestamp, type: nalType(payload[0] ?? 0) }));
}

const stepsOf = (client: TestRtspClient): number[] => pictures(client).slice(1).map(({ timestamp }, at) => (timestamp - pictures(client)[at]!.timestamp) >>> 0);

/** Position in seconds and RTP timestamp of the picture that an answer to PLAY promises. */
function startOf(response: RtspResponse): { readonly startS: unknown; readonly endS: number | undefined; readonly rtpTime: number | undefined } {
  const range = parseRange(headerOf(response, 'Range') ?? '');
  return { startS: range?.startS, endS: range?.endS, rtpTime: parseRtpInfo(headerOf(response, 'RTP-Info') ?? '')[0]?.rtpTime };
}

/** Whether a picture is the one that an answer promises; the sound of the clip begins 21 ms before its picture. */
function isAt(picture: { readonly timestamp: number } | undefined, { rtpTime }: { readonly rtpTime: number | undefined }): boolean {
  const ticks = ((picture?.timestamp ?? 0) - (rtpTime ?? 0)) >>> 0;
  return picture !== undefined && rtpTime !== undefined && ticks < PICTURE_TICKS;
}

function newPlayer(t: ExecutionContext): TestRtspClient {
  const client = new TestRtspClient(port, FILE);
  t.teardown(() => client.close());
  return client;
}

for (const transport of ['tcp', 'udp'] as const) {
  test(`a player over ${transport} pauses a file, goes on with the next picture, and moves about in it`, async (t) => {
    t.timeout(120_000);
    const client = newPlayer(t);
    const described = await client.ask('DESCRIBE');
    t.regex(Buffer.from(described.body).toString(), /^a=range:npt=0\.000-20\.\d{3}\r$/m);
    for (const track of [0, 1]) await client.setup(`${client.base}/trackID=${track}`, transport, track);
    const started = startOf(await client.ask('PLAY'));
    t.is(started.startS, 0);
    await until(() => pictures(client).length > 10, 'pictures', LONG_MS);

    const standing = client.packetsBefore(await client.ask('PAUSE'));
    t.is((await client.ask('PAUSE')).status, 200);
    t.is((await client.ask('SETUP', `${client.base}/trackID=0`, [['Transport', 'RTP/AVP/TCP;unicast']])).status, 455);
    await new Promise((resolve) => setTimeout(resolve, 500));
    // Datagrams may be on their way when the answer comes.
    t.true(client.packets.length <= standing + (transport === 'udp' ? 8 : 0));
    t.is((await client.ask('PLAY')).status, 200);
    const seen = pictures(client).length;
    await until(() => pictures(client).length > seen + 10, 'pictures after the pause', LONG_MS);
    t.true(stepsOf(client).every((step) => step === PICTURE_TICKS), JSON.stringify(stepsOf(client)));

    for (const [wanted, keyS] of [['npt=12.5-', 12], ['npt=00:00:03.2-', 3], ['npt=0-5', 0]] as const) {
      const response = await client.ask('PLAY', client.base, [['Range', wanted]]);
      const answer = startOf(response);
      const from = client.packetsBefore(response);
      t.true(typeof answer.startS === 'number' && Math.abs(answer.startS - keyS) < 0.1, `${wanted}: ${String(answer.startS)}`);
      t.true(Math.abs((answer.endS ?? 0) - 20) < 0.1);
      await until(() => pictures(client, from).length > 5, `pictures from ${wanted}`, LONG_MS);
      if (transport === 'tcp') {
        t.true(isAt(pictures(client, from)[0], answer), wanted);
        t.not(pictures(client, from)[0]?.type, 1, `${wanted} begins with a key frame`);
      }
    }
    for (const wrong of ['npt=21-', 'clock=19961108T142300Z-', 'nonsense']) t.is((await client.ask('PLAY', client.base, [['Range', wrong]])).status, 457, wrong);
    t.is((await client.ask('TEARDOWN')).status, 200);
    t.is((await client.ask('PLAY')).status, 454);
  });
}

test('a player begins where it asks to, also after a pause in which it moved, and its copy ends with the file', async (t) => {
  t.timeout(120_000);
  const client = newPlayer(t);
  await client.ask('DESCRIBE');
  await client.setup(`${client.base}/trackID=0`, 'tcp', 0);
  // Longer than a copy lasts that nobody reads.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const first = startOf(await client.ask('PLAY', client.base, [['Range', 'npt=7.9-']]));
  await until(() => pictures(client).length > 3, 'pictures', LONG_MS);
  t.true(Math.abs(Number(first.startS) - 7) < 0.1);
  t.true(isAt(pictures(client)[0], first));
  const standing = client.packetsBefore(await client.ask('PAUSE'));
  const last = startOf(await client.ask('PLAY', client.base, [['Range', 'npt=19.5-']]));
  await until(() => client.closed, 'the end of the file', LONG_MS);
  t.true(isAt(pictures(client, standing)[0], last));
  t.is(pictures(client, standing).length, 30);
});

test('a pause of a live stream leaves it, and a range means nothing to it', async (t) => {
  t.timeout(120_000);
  const client = new TestRtspClient(port, 'vod-live://film.mp4');
  t.teardown(() => client.close());
  t.notRegex(Buffer.from((await client.ask('DESCRIBE')).body).toString(), /a=range/);
  await client.setup(`${client.base}/trackID=0`, 'tcp', 0);
  t.is((await client.ask('PLAY', client.base, [['Range', 'npt=100-']])).status, 200);
  await until(() => pictures(client).length > 3, 'pictures', LONG_MS);
  t.is((await client.ask('PAUSE')).status, 200);
  await until(() => server.kernel.parts.media.find('vod-live://film.mp4')?.subscriberCount === 0, 'nobody to read', LONG_MS);
  t.is((await client.ask('PLAY')).status, 200);
  const seen = pictures(client).length;
  await until(() => pictures(client).length > seen + 3, 'pictures again', LONG_MS);
});

peerTest('ffprobe is told how long a file lasts, and moves about in it', ['ffprobe'], async (t) => {
  t.timeout(120_000);
  const url = `rtsp://127.0.0.1:${port}/${FILE}`;
  const { stdout, stderr } = await runPeer(t, 'ffprobe', ['-v', 'error', '-rtsp_transport', 'tcp', '-read_intervals', '10%11', '-select_streams', 'v', '-show_entries', 'format=duration:packet=pts_time,flags', '-of', 'json', url]);
  const { format, packets } = JSON.parse(stdout || '{}') as { format?: { duration: string }; packets?: { pts_time: string; flags: string }[] };
  t.true(Math.abs(Number(format?.duration) - 20) < 0.1, stdout + stderr);
  // Of the first packet behind a jump ffmpeg knows no time.
  t.true(packets?.[0]?.flags.startsWith('K'), stdout + stderr);
  t.true(Math.abs(Number(packets?.[1]?.pts_time) - 10.055) < 0.005, stdout + stderr);
});
