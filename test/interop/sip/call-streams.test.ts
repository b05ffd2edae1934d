import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBaresip } from '../../support/baresip.ts';
import { ffmpeg } from '../../support/ffmpeg.ts';
import { startKamailio } from '../../support/kamailio.ts';
import { Nginx } from '../../support/nginx.ts';
import { peerTest, runPeer } from '../../support/peers.ts';
import { startCallServer } from '../../support/sip/call-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { toneShare } from '../../support/tones.ts';
import { until } from '../../support/until.ts';

const RATE_HZ = 8000;
const INJECTED_HZ = 1000;
const BARESIP_HZ = 440;
/** Enough to hear a tone and to see a picture move. */
const WATCHED_S = '2';

function samplesOf(file: string): Int16Array {
  const bytes = readFileSync(file);
  return new Int16Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 2));
}

peerTest('calls are streams: a file is heard in a video call that is watched over HLS, and another call is pushed to nginx', ['kamailio', 'baresip', 'ffmpeg', 'nginx'], async (t) => {
  t.timeout(90_000);
  const folder = temporaryFolder(t);
  const [hlsPort = 0, hlsTls = 0, rtmpPort = 0] = await freePorts(3);
  const made = ffmpeg('-f', 'lavfi', '-i', `sine=frequency=${INJECTED_HZ}:sample_rate=48000:duration=60`, '-c:a', 'libopus', '-ac', '2', '-b:a', '96k', join(folder, 'tone.mkv'));
  const [server, pbx, nginx] = await Promise.all([
    startCallServer(t, { media: { codecs: ['opus', 'pcmu', 'h264'] } }, { vod: { folder }, hls: { port: hlsPort, tlsPort: hlsTls }, rtmp: { port: rtmpPort } }, undefined, { network: { host: '127.0.0.1', allowedTargets: ['127.0.0.1'] } }),
    startKamailio(t),
    Nginx.start(t),
    made,
  ]);
  await Promise.all([startBaresip(t, 'echo', pbx), startBaresip(t, 'tone', pbx)]);
  const account = { sipLogin: '1001', sipPassword: 'secret-1001', sipDomain: 'pbx.test', sipOutboundProxy: '127.0.0.1', sipPort: pbx.port };
  await server.call('call.startup', { callId: 'seen', callee: '1002', toStream: 'seen', hasVideo: true, ...account });
  await server.call('call.startup', { callId: 'pushed', callee: '1003', toStream: 'pushed', rtmpUrl: nginx.url('record'), ...account });
  await until(async () => (await server.statusOf('seen')) === 'ESTABLISHED' && (await server.statusOf('pushed')) === 'ESTABLISHED', 'both answers', 30_000);
  await t.throwsAsync(server.call('call.inject_sound', { callId: 'seen', fileName: 'absent.mkv' }), { code: 'MEDIA_E_NOT_FOUND' });
  await server.call('call.inject_sound', { callId: 'seen', fileName: 'tone.mkv' });

  const watch = async (): Promise<void> => {
    const [sound, pictures] = [join(folder, 'seen.s16'), join(folder, 'seen.md5')];
    const { status, stderr } = await runPeer(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', `http://127.0.0.1:${hlsPort}/seen/seen.m3u8`, '-t', WATCHED_S, '-map', '0:a', '-f', 's16le', '-ar', String(RATE_HZ), '-ac', '1', sound, '-t', WATCHED_S, '-map', '0:v', '-f', 'framemd5', pictures]);
    t.is(status, 0, stderr);
    const share = toneShare(samplesOf(sound).subarray(-RATE_HZ), RATE_HZ, INJECTED_HZ);
    t.true(share > 0.9, `share of the injected tone ${share}`);
    const lines = readFileSync(pictures, 'utf8').split('\n');
    t.truthy(lines.find((line) => /#dimensions 0: 352x288/.test(line)), lines.slice(0, 8).join('\n'));
    const frames = lines.filter((line) => line !== '' && !line.startsWith('#'));
    t.true(frames.length >= 15, `${frames.length} pictures`);
  };
  const pull = async (): Promise<void> => {
    await until(async () => (await nginx.statistics())?.includes('<name>rtmp_pushed</name>'), 'the stream at nginx');
    const file = join(folder, 'pushed.s16');
    const { status, stderr } = await runPeer(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-y', '-rw_timeout', '20000000', '-i', `${nginx.url('record')}/rtmp_pushed`, '-t', WATCHED_S, '-map', '0:a', '-f', 's16le', '-ar', String(RATE_HZ), '-ac', '1', file]);
    t.is(status, 0, stderr);
    const share = toneShare(samplesOf(file), RATE_HZ, BARESIP_HZ);
    t.true(share > 0.9, `share of the tone of baresip ${share}`);
  };
  await Promise.all([watch(), pull()]);
  t.is((await server.call<{ rtmpUrl?: string }[]>('call.find', { rtmpUrl: nginx.url('record') })).length, 1);
  for (const callId of ['seen', 'pushed']) await server.call('call.terminate', { callId });
  await until(async () => (await nginx.statistics())?.includes('rtmp_pushed') === false, 'the push to end');
  t.is(server.kernel.kernel.parts.media.find('seen'), undefined);
  for (const plugin of ['sip', 'vod', 'hls', 'rtmp']) t.is(server.kernel.kernel.host.slot(plugin).faultsSeen, 0, plugin);
});
