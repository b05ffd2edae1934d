import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { PeerProcess, peerTest, runPeer } from '../../support/peers.ts';
import { startBrowserServer } from '../../support/browser-server.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { PeerBrowser, type HttpOutcome } from '../../support/webrtc-page.ts';

const TONE_HZ = 997;

/** What OBS sends by default: H.264 with B-frames and AAC, here at 44.1 kHz, with one tone. */
export function obsLike(url: string, { toneHz = TONE_HZ, bFrames = 3 } = {}): string[] {
  const picture = ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30'];
  const sound = ['-f', 'lavfi', '-i', `sine=frequency=${toneHz}:sample_rate=44100`];
  const video = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-bf', String(bFrames), '-g', '60', '-b:v', '800k'];
  return ['-v', 'error', ...picture, ...sound, ...video, '-c:a', 'aac', '-ar', '44100', '-b:a', '128k', '-f', 'flv', url];
}

peerTest('an encoder with B frames and AAC is seen and heard over WebRTC', ['ffmpeg', 'chromium'], async (t) => {
  t.timeout(90_000);
  const server = await startBrowserServer(t, { plugins: { transcoder: {} } });
  new PeerProcess(t, 'ffmpeg', obsLike(`rtmp://127.0.0.1:${server.ports.rtmp}/live/obs`));
  await server.streamIsLive('obs');
  const player = await (await PeerBrowser.start(t)).open('whip-whep');
  t.is((await player.call<HttpOutcome>('whipWhep.play', server.whep('obs'))).status, 201);
  const first = await player.playing(20);
  const sound = await player.call<{ frequencyHz: number; level: number }>('whipWhep.listen');
  const later = await player.playing((first.inVideo?.framesDecoded ?? 0) + 60);
  t.log(first.firstPictureMs, later.inVideo, later.inAudio, sound, (await server.kernel.call('stat.show', { group: 'transcoder_stats' }).catch(String)));
  t.is(later.inAudio?.codec, 'opus');
  t.is(later.inVideo?.codec, 'H264');
  t.true((later.inAudio?.totalAudioEnergy ?? 0) > 0, 'there is sound');
  t.true(Math.abs(sound.frequencyHz / TONE_HZ - 1) < 0.01, `${sound.frequencyHz} Hz`);
});

peerTest('a browser that publishes VP8 and Opus is played by RTMP and by HLS with AAC', ['ffmpeg', 'ffprobe', 'chromium'], async (t) => {
  t.timeout(120_000);
  const [hls = 0, hlsTls = 0] = await freePorts(2);
  const server = await startBrowserServer(t, { plugins: { transcoder: {}, hls: { port: hls, tlsPort: hlsTls } } });
  const publisher = await (await PeerBrowser.start(t)).open('whip-whep');
  t.is((await publisher.call<HttpOutcome>('whipWhep.publish', server.whip('cam'), { codec: 'VP8' })).status, 201);
  await server.streamIsLive('cam');
  const folder = mkdtempSync(join(tmpdir(), 'wcs-transcoder-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));

  const flv = join(folder, 'cam.flv');
  const rtmp = await runPeer(t, 'timeout', ['30', 'ffmpeg', '-v', 'error', '-i', `rtmp://127.0.0.1:${server.ports.rtmp}/live/cam`, '-t', '6', '-c', 'copy', '-y', flv]);
  t.is(rtmp.status, 0, rtmp.stderr);
  const played = await probe(t, flv);
  t.log(played);
  t.deepEqual(played.codecs, ['aac', 'h264']);
  t.true(played.seconds > 5 && played.frames > 60, JSON.stringify(played));

  const ts = join(folder, 'cam.ts');
  const classic = await runPeer(t, 'timeout', ['60', 'ffmpeg', '-v', 'error', '-i', `http://127.0.0.1:${hls}/cam/ts/cam.m3u8`, '-t', '6', '-c', 'copy', '-y', ts]);
  t.is(classic.status, 0, classic.stderr);
  const segments = await probe(t, ts);
  t.log(segments);
  t.deepEqual(segments.codecs, ['aac', 'h264']);
  t.true(segments.frames > 60, JSON.stringify(segments));
});

/** Decodes a file whole; what can't be decoded fails the test. */
async function probe(t: ExecutionContext, file: string): Promise<{ codecs: string[]; seconds: number; frames: number }> {
  const { stdout } = await runPeer(t, 'ffprobe', ['-v', 'error', '-count_frames', '-show_entries', 'stream=codec_name,nb_read_frames:format=duration', '-of', 'json', file]);
  const report = JSON.parse(stdout) as { streams: { codec_name: string; nb_read_frames: string }[]; format: { duration: string } };
  const decoded = await runPeer(t, 'ffmpeg', ['-v', 'error', '-i', file, '-fps_mode', 'passthrough', '-f', 'null', '-']);
  // The muxer of no file counts in whole frames; a camera that drops some gives it two in one.
  t.deepEqual(decoded.stderr.split('\n').filter((line) => line !== '' && !line.includes('to muxer')), []);
  return {
    codecs: report.streams.map(({ codec_name: name }) => name).sort(),
    seconds: Number(report.format.duration),
    frames: Number(report.streams.find(({ codec_name: name }) => name === 'h264')?.nb_read_frames ?? 0),
  };
}
