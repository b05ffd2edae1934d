import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { PeerProcess, peerTest, runPeer } from '../../support/peers.ts';
import { startBrowserServer, type BrowserServer } from '../../support/browser-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { PeerBrowser, type HttpOutcome } from '../../support/webrtc-page.ts';

const TONE_HZ = 997;
const PLAYED_SECONDS = 4;
const PATIENCE = { timeoutMs: 60_000 };

/** What OBS sends by default: H.264 with B-frames and AAC, here at 44.1 kHz, with one tone. */
export function obsLike(url: string, { toneHz = TONE_HZ, bFrames = 3 } = {}): string[] {
  const picture = ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30'];
  const sound = ['-f', 'lavfi', '-i', `sine=frequency=${toneHz}:sample_rate=44100`];
  const video = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-bf', String(bFrames), '-g', '60', '-b:v', '800k'];
  return ['-v', 'error', ...picture, ...sound, ...video, '-c:a', 'aac', '-ar', '44100', '-b:a', '128k', '-f', 'flv', url];
}

peerTest('an encoder with B frames and AAC is seen and heard over WebRTC, a browser with VP8 and Opus by RTMP and HLS with AAC', ['ffmpeg', 'ffprobe', 'chromium'], async (t) => {
  t.timeout(180_000);
  const [hls = 0, hlsTls = 0] = await freePorts(2);
  // One server and one browser: their start is the dear part.
  const [server, browser] = await Promise.all([startBrowserServer(t, { plugins: { transcoder: {}, hls: { port: hls, tlsPort: hlsTls } } }), PeerBrowser.start(t)]);
  await Promise.all([playsAnEncoder(t, server, browser), publishesToPlayers(t, server, browser, hls)]);
});

async function playsAnEncoder(t: ExecutionContext, server: BrowserServer, browser: PeerBrowser): Promise<void> {
  new PeerProcess(t, 'ffmpeg', obsLike(`rtmp://127.0.0.1:${server.ports.rtmp}/live/obs`));
  await server.streamIsLive('obs');
  const player = await browser.open('whip-whep');
  t.is((await player.call<HttpOutcome>('whipWhep.play', server.whep('obs'))).status, 201);
  const first = await player.playing(20, PATIENCE);
  const sound = await player.call<{ frequencyHz: number; level: number }>('whipWhep.listen');
  const later = await player.playing((first.inVideo?.framesDecoded ?? 0) + 30, PATIENCE);
  t.log(first.firstPictureMs, later.inVideo, later.inAudio, sound);
  t.is(later.inAudio?.codec, 'opus');
  t.is(later.inVideo?.codec, 'H264');
  t.true((later.inAudio?.totalAudioEnergy ?? 0) > 0, 'there is sound');
  t.true(Math.abs(sound.frequencyHz / TONE_HZ - 1) < 0.01, `${sound.frequencyHz} Hz`);
}

async function publishesToPlayers(t: ExecutionContext, server: BrowserServer, browser: PeerBrowser, hlsPort: number): Promise<void> {
  const publisher = await browser.open('whip-whep');
  t.is((await publisher.call<HttpOutcome>('whipWhep.publish', server.whip('cam'), { codec: 'VP8' })).status, 201);
  await server.streamIsLive('cam');
  const folder = temporaryFolder(t);
  const addresses = { flv: `rtmp://127.0.0.1:${server.ports.rtmp}/live/cam`, ts: `http://127.0.0.1:${hlsPort}/cam/ts/cam.m3u8` };
  await Promise.all(Object.entries(addresses).map(async ([container, address]) => {
    const file = join(folder, `cam.${container}`);
    const { status, stderr } = await runPeer(t, 'timeout', ['90', 'ffmpeg', '-nostdin', '-v', 'error', '-i', address, '-t', String(PLAYED_SECONDS), '-c', 'copy', '-y', file]);
    t.is(status, 0, stderr);
    const played = await probe(t, file);
    t.log(container, played);
    t.deepEqual(played.codecs, ['aac', 'h264']);
    t.true(played.seconds > PLAYED_SECONDS - 1 && played.frames > 10 * PLAYED_SECONDS, JSON.stringify(played));
  }));
}

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
