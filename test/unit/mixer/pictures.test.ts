import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Targets } from '../../../core/access/targets.ts';
import type { Log } from '../../../core/log/log.ts';
import { PictureFiles } from '../../../core/process/picture-files.ts';
import { Pictures } from '../../../plugins/mixer/bridge/pictures.ts';
import { download } from '../../../plugins/mixer/client/download.ts';
import { LayoutFolders } from '../../../plugins/mixer/server/layout-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

const LOCAL = '127.0.0.1';
const targets = new Targets(() => ({ allowPrivateTargets: false, allowedTargets: [] }));

async function serve(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, LOCAL);
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => {
    server.close().closeAllConnections();
  });
  return `http://${LOCAL}:${(server.address() as AddressInfo).port}`;
}

const fetched = (url: string, caller: string | undefined, limits: { maxBytes?: number; timeoutMs?: number } = {}): Promise<Buffer> =>
  download(url, { check: (place) => targets.check(place, caller), maxBytes: 1000, timeoutMs: 5000, ...limits });

test('a file is fetched within its limits, and by way of redirects that are judged like the first address', async (t) => {
  const url = await serve(t, ({ url: path }, answer) => {
    if (path === '/picture') answer.end(Buffer.alloc(1000, 7));
    else if (path === '/large') answer.end(Buffer.alloc(1001));
    else if (path === '/there') answer.writeHead(302, { location: '/picture' }).end();
    else if (path === '/round') answer.writeHead(302, { location: '/round' }).end();
    else if (path === '/inside') answer.writeHead(302, { location: 'http://10.0.0.1/secret' }).end();
    else if (path === '/file') answer.writeHead(302, { location: 'file:///etc/passwd' }).end();
    else if (path?.startsWith('/silent') !== true) answer.writeHead(404).end();
  });
  t.is((await fetched(`${url}/picture`, LOCAL)).length, 1000);
  t.is((await fetched(`${url}/there`, LOCAL)).length, 1000);
  await t.throwsAsync(fetched(`${url}/picture`, '198.51.100.7'), { code: 'ACCESS_E_REFUSED' });
  await t.throwsAsync(fetched(`${url}/inside`, LOCAL), { code: 'ACCESS_E_REFUSED' });
  await t.throwsAsync(fetched('http://169.254.169.254/latest', LOCAL), { code: 'ACCESS_E_REFUSED' });
  await t.throwsAsync(fetched(`${url}/large`, LOCAL), { code: 'OPERATION_E_INPUT' });
  await t.throwsAsync(fetched(`${url}/file`, LOCAL), { code: 'OPERATION_E_INPUT' });
  await t.throwsAsync(fetched(`${url}/none`, LOCAL), { code: 'MEDIA_E_NOT_FOUND' });
  await t.throwsAsync(fetched(`${url}/round`, LOCAL), { code: 'MEDIA_E_NOT_FOUND' });
  const late = await t.throwsAsync<Error & { code: string }>(fetched(`${url.replace('http://', 'http://user:geheim@')}/silent?token=geheim`, LOCAL, { timeoutMs: 100 }));
  t.is(late.code, 'NET_E_CONNECT');
  t.false(late.message.includes('geheim'));
});

test('an avatar from a URL is fetched once for who gave it, and what failed is asked for again', async (t) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'a.png'), 'file');
  const asked: string[] = [];
  let fails = true;
  const pictures = new Pictures(new PictureFiles(folder), (url, caller) => {
    asked.push(`${caller} ${url}`);
    return fails ? Promise.reject(new Error('down')) : Promise.resolve(Buffer.from('url'));
  }, () => 0);
  const said: Record<string, unknown>[] = [];
  const log = { warn: (_message: string, fields: Record<string, unknown>) => said.push(fields) } as unknown as Log;
  const order = { avatar: 'https://user:geheim@example.org/a.png', avatarCaller: 'me', watermark: 'a.png' };
  t.deepEqual(await pictures.ofInput(order, log), { avatar: undefined, watermark: Buffer.from('file').toString('base64') });
  t.is(said.length, 1);
  t.false(JSON.stringify(said).includes('geheim'));
  fails = false;
  for (let times = 0; times < 3; times += 1) t.is((await pictures.ofInput(order, log)).avatar, Buffer.from('url').toString('base64'));
  await pictures.readAvatar(order.avatar, 'another');
  t.deepEqual(asked.map((word) => word.split(' ')[0]), ['me', 'me', 'another']);
});

test('layouts are read from the files of a folder, and told of when they change', async (t) => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'side'));
  const write = (name: string, text: unknown): void => writeFileSync(join(root, 'side', name), JSON.stringify(text));
  const place = { x: 0, y: 0, width: 1, height: 0.5 };
  const layouts = new LayoutFolders(root);
  await t.throwsAsync(layouts.read('side'), { code: 'MEDIA_E_NOT_FOUND' });
  await t.throwsAsync(layouts.read('../side'), { code: 'ACCESS_E_REFUSED' });
  write('1_whole.json', [place]);
  write('2_halves.json', [place, { ...place, y: 0.5, fit: 'cover' }]);
  write('readme.json', 'no layout');
  t.deepEqual(await layouts.read('side'), { 1: [place], 2: [place, { ...place, y: 0.5, fit: 'cover' }] });
  let changes = 0;
  const unwatch = layouts.watch('side', () => (changes += 1), (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  });
  t.teardown(unwatch);
  await until(() => changes > 0, 'the watch');
  const before = changes;
  write('3_wrong.json', [{ ...place, width: 2 }]);
  await until(() => changes > before, 'word of the change');
  await t.throwsAsync(layouts.read('side'), { code: 'OPERATION_E_INPUT', message: /3_wrong\.json/ });
});
