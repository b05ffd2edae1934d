import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import test from 'ava';
import { makeSelfSigned } from '../../../core/net/self-signed.ts';
import { until } from '../../support/until.ts';
import { WcsServer } from '../../support/wcs-server.ts';

async function handshake(port: number): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return socket;
}

async function fingerprintOn(port: number): Promise<string> {
  const socket = await handshake(port);
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/** Asks for `/health` on a connection that stays open, and gives the status line. */
async function askOn(socket: TLSSocket): Promise<string> {
  let text = '';
  const take = (chunk: Buffer): void => void (text += chunk.toString());
  socket.on('data', take);
  socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until(() => text.endsWith('}'), 'the answer');
  socket.off('data', take);
  return text.slice(0, text.indexOf('\r\n'));
}

test.serial('A certificate replaced on disk serves new handshakes after tls.reload while an old connection lives', async (t) => {
  const server = await WcsServer.start(t, { only: ['http', 'hls'] });
  const { httpTls, hlsTls } = server.ports;
  const old = await handshake(httpTls);
  t.teardown(() => old.destroy());
  const before = old.getPeerCertificate().fingerprint256;
  t.is(await askOn(old), 'HTTP/1.1 200 OK');

  const state = join(server.folder, 'state');
  const { cert, key } = await makeSelfSigned();
  const expected = new X509Certificate(cert).fingerprint256;
  t.not(expected, before);
  writeFileSync(join(state, 'tls-cert.pem'), cert);
  writeFileSync(join(state, 'tls-key.pem'), key);
  t.is(await fingerprintOn(httpTls), before, 'the files alone change nothing');
  const answer = await server.call('tls.reload');
  t.like(answer, { status: 200, body: { fingerprintSha256: expected } });
  for (const port of [httpTls, hlsTls]) t.is(await fingerprintOn(port), expected);
  t.is(await askOn(old), 'HTTP/1.1 200 OK', 'the old connection lives');
});

test.serial('Files of one\'s own are taken from wcs.yml; a key that does not fit is refused and the pair in use stays', async (t) => {
  const [first, second] = await Promise.all([makeSelfSigned(), makeSelfSigned()]);
  const launched = await WcsServer.launch(t, { only: ['http'], config: { tls: { cert: 'missing.pem', key: 'missing-key.pem' } } });
  t.deepEqual(await launched.exited, { code: 1, signal: null });
  t.regex(launched.stderr, /missing-key\.pem|missing\.pem/);

  const files = { cert: join(launched.folder, 'cert.pem'), key: join(launched.folder, 'key.pem') };
  writeFileSync(files.cert, first.cert);
  writeFileSync(files.key, first.key);
  const server = await WcsServer.start(t, { only: ['http'], config: { tls: files } });
  const expected = new X509Certificate(first.cert).fingerprint256;
  t.is(await fingerprintOn(server.ports.httpTls), expected);
  writeFileSync(files.cert, second.cert);
  const refused = await server.call('tls.reload');
  t.true(refused.status >= 400);
  t.like(refused.body, { error: { code: 'NET_E_TLS' } });
  t.regex(JSON.stringify(refused.body), /key\.pem is not the key of .*cert\.pem/);
  t.is(await fingerprintOn(server.ports.httpTls), expected);
  writeFileSync(files.key, second.key);
  t.is((await server.call('tls.reload')).status, 200);
  t.is(await fingerprintOn(server.ports.httpTls), new X509Certificate(second.cert).fingerprint256);
});
