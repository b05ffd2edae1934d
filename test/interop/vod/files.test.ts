import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ffmpeg, testInputs, ENCODERS } from '../../support/ffmpeg.ts';
import { peerTestsSideBySide } from '../../support/peers.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { until } from '../../support/until.ts';
import { startVodServer, type VodServer } from '../../support/vod-server.ts';

const sideBySide = peerTestsSideBySide(3);

interface Row {
  readonly localStreamName: string;
  readonly uri: string;
  readonly status: string;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
}

const startup = (server: VodServer, uri: string, more: Readonly<Record<string, unknown>> = {}): Promise<unknown> => server.kernel.call('vod.startup', { uri, ...more });

async function play(t: ExecutionContext, server: VodServer, name: string): Promise<RtmpClient> {
  const client = new RtmpClient(server.rtmpPort);
  t.teardown(() => client.close());
  await client.play(name);
  return client;
}

const statusTexts = (client: RtmpClient): string => JSON.stringify(client.commands.flatMap(({ args }) => args));

sideBySide('captures are started, found and ended by REST, with the codes of WCS', ['ffmpeg'], async (t) => {
  const server = await startVodServer(t);
  server.add('small.mp4');
  const call = (name: string, input?: unknown): Promise<unknown> => server.kernel.call(name, input);
  await t.throwsAsync(call('vod.find_all'), { code: 'MEDIA_E_NOT_FOUND' });
  const started = (await startup(server, 'vod-live://small.mp4', { localStreamName: 'film', loop: 'true' })) as Row;
  t.like(started, { localStreamName: 'film', uri: 'vod-live://small.mp4', hasAudio: true, hasVideo: true });
  const again = await t.throwsAsync(startup(server, 'vod-live://small.mp4', { localStreamName: 'film' }));
  t.is((again as Error & { kind: string }).kind, 'conflict');
  await startup(server, 'vod-live://small.mp4');
  t.like(await call('vod.find', { localStreamName: 'film' }), [{ uri: 'vod-live://small.mp4' }]);
  t.like(await call('vod.find', { uri: 'vod-live://small.mp4' }), { length: 2 });
  t.like(await call('stream.find', { name: 'film' }), [{ hasVideo: true, hasAudio: true, videoCodec: 'h264', width: 640 }]);
  await call('vod.terminate', { localStreamName: 'film' });
  await until(() => server.kernel.kernel.parts.media.find('film') === undefined, 'the end');
  await t.throwsAsync(call('vod.terminate', { localStreamName: 'film' }), { code: 'MEDIA_E_NOT_FOUND' });
  await t.throwsAsync(call('vod.terminate', {}), { code: 'OPERATION_E_INPUT' });
  await t.throwsAsync(startup(server, 'vod://small.mp4'), { code: 'OPERATION_E_INPUT' });
  await call('vod.terminate', { uri: 'vod-live://small.mp4' });
  await t.throwsAsync(call('vod.find', {}), { code: 'MEDIA_E_NOT_FOUND' });
});

sideBySide('a file that is missing, no file, outside of the folder or of another format is refused in the documented words', ['ffmpeg'], async (t) => {
  const server = await startVodServer(t);
  server.add('avc.mp4', 'inside.mp4');
  const outside = join(server.kernel.folder, 'outside.mp4');
  writeFileSync(outside, readFileSync(join(server.folder, 'inside.mp4')));
  symlinkSync(outside, join(server.folder, 'link.mp4'));
  symlinkSync('inside.mp4', join(server.folder, 'good-link.mp4'));
  symlinkSync(server.kernel.folder, join(server.folder, 'linked'));
  mkdirSync(join(server.folder, 'sub'));
  execFileSync('mkfifo', [join(server.folder, 'pipe.mp4')]);
  writeFileSync(join(server.folder, 'text.mp4'), 'no film at all, and longer than a box');
  writeFileSync(join(server.folder, 'empty.mkv'), '');
  const { size } = { size: readFileSync(join(server.folder, 'inside.mp4')).length };
  writeFileSync(join(server.folder, 'unfinished.mp4'), readFileSync(join(server.folder, 'inside.mp4')).subarray(0, Math.min(size, 2000)));
  const wrong = (file: string) => startup(server, `vod-live://${file}`, { localStreamName: 'x' });
  const secret = server.kernel.folder;
  for (const file of ['nothing.mp4', 'link.mp4', 'linked/outside.mp4', 'sub', 'pipe.mp4', '%2Fetc%2Fpasswd', '..%2Foutside.mp4', 'sub%2F..%2F..%2Foutside.mp4', 'a%00b', 'inside.mp4/x']) {
    const error = await t.throwsAsync(wrong(file), { message: 'File not found', code: 'MEDIA_E_FILE' }, file);
    t.false(JSON.stringify((error as Error & { details: unknown }).details).includes(secret));
  }
  for (const file of ['text.mp4', 'empty.mkv', 'unfinished.mp4']) await t.throwsAsync(wrong(file), { message: 'File has wrong format', code: 'MEDIA_E_FILE' }, file);
  for (const uri of ['vod-live://../outside.mp4', 'vod-live://%2e%2e/outside.mp4']) await t.throwsAsync(server.kernel.kernel.parts.media.resolve(uri), { code: 'MEDIA_E_NAME_INVALID' });
  const client = await play(t, server, 'vod://nothing.mp4');
  await client.status('NetStream.Play.Failed');
  t.regex(statusTexts(client), /File not found/);
  await wrong('good-link.mp4');
  t.is(server.kernel.kernel.host.slot('vod').faultsSeen, 0);
});

sideBySide('a file that is removed, cut or written to while it plays ends with the reason', ['ffmpeg'], async (t) => {
  t.timeout(60_000);
  const server = await startVodServer(t, { loop: true });
  const reasons = new Map<string, string>();
  server.kernel.kernel.parts.media.on('streamEnded', ({ stream, reason }) => void reasons.set(stream.name, reason));
  const clip = readFileSync(server.add('avc.mp4'));
  for (const name of ['removed', 'cut', 'written']) {
    writeFileSync(join(server.folder, `${name}.mp4`), clip);
    await startup(server, `vod-live://${name}.mp4`, { localStreamName: name });
  }
  const client = await play(t, server, 'removed');
  await client.status('NetStream.Play.Start');
  rmSync(join(server.folder, 'removed.mp4'));
  truncateSync(join(server.folder, 'cut.mp4'), 500_000);
  writeFileSync(join(server.folder, 'written.mp4'), clip);
  await until(() => reasons.size === 3, 'the ends');
  t.is(reasons.get('removed'), 'File not found');
  t.is(reasons.get('cut'), 'Failed to read file');
  t.is(reasons.get('written'), 'Failed to read file');
  await client.status('NetStream.Play.UnpublishNotify');
  t.is(server.kernel.kernel.host.slot('vod').faultsSeen, 0);
  t.deepEqual(server.kernel.kernel.parts.sessions.list({ protocol: 'vod' }), []);
});

sideBySide('a recording that broke off in the middle of a fragment is played up to its last whole fragment', ['ffmpeg'], async (t) => {
  t.timeout(30_000);
  const server = await startVodServer(t);
  const path = join(server.folder, 'broken.mp4');
  await ffmpeg(...testInputs(2, 'both'), ...ENCODERS.h264, ...ENCODERS.aac, '-movflags', '+frag_keyframe+empty_moov+default_base_moof', path);
  truncateSync(path, Math.round(readFileSync(path).length * 0.8));
  const ended = new Promise<string>((resolve) => server.kernel.kernel.parts.media.on('streamEnded', ({ reason }) => resolve(reason)));
  const client = await play(t, server, 'vod://broken.mp4');
  await client.status('NetStream.Play.Start');
  t.is(await ended, 'End of file');
  await until(() => client.messages.filter(({ type }) => type === 9).length >= 25, 'the second that is whole');
});

sideBySide('no more files are played than allowed, and an ended one makes room', ['ffmpeg'], async (t) => {
  const server = await startVodServer(t, { maxPlaybacks: 1 });
  server.add('small.mp4');
  await startup(server, 'vod-live://small.mp4', { localStreamName: 'a' });
  await t.throwsAsync(startup(server, 'vod-live://small.mp4', { localStreamName: 'b' }), { code: 'MEDIA_E_BUSY' });
  await server.kernel.call('vod.terminate', { localStreamName: 'a' });
  await t.notThrowsAsync(startup(server, 'vod-live://small.mp4', { localStreamName: 'b' }));
});
