import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { checkPicturesAndSound } from '../../support/av-check.ts';
import { PeerProcess, peerTest, runPeer } from '../../support/peers.ts';
import { until } from '../../support/until.ts';
import { publishLoop, WcsServer } from '../../support/wcs-server.ts';
import { sshRun } from '../cli/ssh-client.ts';

let server: WcsServer;

test.before(async () => {
  server = await WcsServer.open();
});

test.after.always(() => server.close());

interface Listed {
  readonly codec_name: string;
  readonly width?: number;
  readonly sample_rate?: string;
}

async function probeUrl(t: ExecutionContext, url: string): Promise<Listed[]> {
  const { status, stdout, stderr } = await runPeer(t, 'ffprobe', ['-v', 'error', '-show_streams', '-of', 'json', url]);
  t.is(status, 0, `${url}: ${stderr}`);
  return (JSON.parse(stdout) as { streams: Listed[] }).streams;
}

peerTest('What ffmpeg publishes is played by RTMP, HLS and rtmpdump without a flaw in picture, sound or their offset', ['ffmpeg', 'ffprobe', 'rtmpdump'], async (t) => {
  publishLoop(t, server, 'demo');
  await server.streamIsLive('demo');
  const rtmp = `${server.rtmpUrl}/demo`;
  const hls = `http://127.0.0.1:${server.ports.hls}/demo/demo.m3u8`;
  const ts = `http://127.0.0.1:${server.ports.hls}/demo/ts/demo.m3u8`;
  await Promise.all([rtmp, hls, ts].map(async (url) => {
    const streams = await probeUrl(t, url);
    t.is(streams.length, 2, url);
    t.like(streams.find(({ codec_name }) => codec_name === 'h264'), { width: 1280 }, url);
    t.like(streams.find(({ codec_name }) => codec_name === 'aac'), { sample_rate: '48000' }, url);
  }));
  await until(async () => (await server.stream('demo'))?.viewers === 1, 'the HLS viewer alone');
  const dump = join(server.folder, 'dump.flv');
  const rtmpdump = new PeerProcess(t, 'rtmpdump', ['-q', '-v', '-r', rtmp, '-o', dump]);
  await Promise.all([rtmp, hls, ts].map((url) => checkPicturesAndSound(t, url, 5, ['--min-duration', '4'])));
  await until(async () => (await server.stream('demo'))?.viewers === 2, 'one by HLS and rtmpdump');
  const { body } = await server.call('dashboard.show');
  t.is((body as { streams: { rows: { viewers: number }[] } }).streams.rows[0]?.viewers, 2, 'the dashboard counts alike');
  rtmpdump.child.kill('SIGINT');
  await rtmpdump.finished;
  t.is(readFileSync(dump).toString('latin1', 0, 3), 'FLV');
  t.deepEqual((await probeUrl(t, dump)).map(({ codec_name }) => codec_name).sort(), ['aac', 'h264']);
  t.is(server.stderr, '');
  t.deepEqual(server.log.filter(({ level }) => level === 'error'), []);
});

peerTest('OpenSSH lists plugins, finds the stream and reloads a plugin while it plays', ['ffmpeg', 'ssh', 'sshpass'], async (t) => {
  const publisher = publishLoop(t, server, 'other');
  await server.streamIsLive('other');
  const ssh = { port: server.ports.ssh, user: 'admin', password: server.password };
  const list = await sshRun(ssh, ['plugin', 'list']);
  t.is(list.code, 0, list.err);
  for (const name of ['cli', 'hls', 'http', 'rtmp', 'webrtc', 'websocket']) t.regex(list.out, new RegExp(`^${name}\\s+active`, 'm'));
  const found = await sshRun(ssh, ['stream', 'find', 'other', '--json']);
  t.is(found.code, 0, found.err);
  t.like(JSON.parse(found.out), [{ name: 'other', status: 'PUBLISHING', mediaProvider: 'rtmp', videoCodec: 'h264', width: 1280 }]);
  const reloaded = await sshRun(ssh, ['plugin', 'reload', 'rtmp', '--json']);
  t.is(reloaded.code, 0, reloaded.err);
  t.like(JSON.parse(reloaded.out), { outcome: 'unchanged', state: 'active' });
  t.is((await sshRun(ssh, ['stream', 'find', 'nothing'])).code, 1);
  t.is((await sshRun(ssh, ['plugin', 'reloda'])).code, 2);
  t.is(publisher.child.exitCode, null);
  await until(async () => (await server.stream('other'))?.status === 'PUBLISHING', 'the stream');
});
