import { X509Certificate } from 'node:crypto';
import { copyFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import test from 'ava';
import { Certificates } from '../../../core/net/certificates.ts';
import { Listeners } from '../../../core/net/listeners.ts';
import { makeSelfSigned } from '../../../core/net/self-signed.ts';
import { keptLog, noFault } from '../../support/net.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function writePair(dir: string, pair: { cert: string; key: string }): Promise<{ certFile: string; keyFile: string }> {
  const files = { certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') };
  await writeFile(files.certFile, pair.cert);
  await writeFile(files.keyFile, pair.key);
  return files;
}

test('the first start makes a pair that only its owner can read, the next start uses it again', async (t) => {
  const dir = join(temporaryFolder(t), 'state');
  const first = await Certificates.open({ dir, log: keptLog() });
  t.is((await stat(join(dir, 'tls-key.pem'))).mode & 0o777, 0o600);
  t.is((await stat(join(dir, 'tls-cert.pem'))).mode & 0o777, 0o600);
  t.is((await stat(dir)).mode & 0o777, 0o700);
  const leaf = new X509Certificate(first.current.cert);
  t.is(leaf.checkHost('localhost'), 'localhost');
  t.is(leaf.checkIP('127.0.0.1'), '127.0.0.1');
  t.true(first.current.notAfter.getTime() > Date.now() + 365 * 24 * 3_600_000);
  const second = await Certificates.open({ dir, log: keptLog() });
  t.is(second.current.fingerprintSha256, first.current.fingerprintSha256);
});

test('a self-signed pair that is damaged or about to expire is made anew', async (t) => {
  const dir = temporaryFolder(t);
  const log = keptLog();
  const first = await Certificates.open({ dir, log });
  await writeFile(join(dir, 'tls-key.pem'), 'no key');
  const second = await Certificates.open({ dir, log });
  t.not(second.current.fingerprintSha256, first.current.fingerprintSha256);
  t.true(log.lines.some((line) => line.includes('made anew')));
  const old = await makeSelfSigned(Date.now() - 800 * 24 * 3_600_000);
  await writeFile(join(dir, 'tls-cert.pem'), old.cert);
  await writeFile(join(dir, 'tls-key.pem'), old.key);
  const third = await Certificates.open({ dir, log });
  t.not(third.current.cert, old.cert);
});

test('a reload takes a sound pair and refuses a bad one, which changes nothing', async (t) => {
  const dir = temporaryFolder(t);
  const [one, two] = [await makeSelfSigned(), await makeSelfSigned()];
  const files = await writePair(dir, one);
  const certificates = await Certificates.open({ dir, log: keptLog(), ...files });
  let changes = 0;
  certificates.onChange(() => changes++);
  const before = certificates.current;
  const context = certificates.context();

  await writeFile(files.certFile, two.cert);
  await t.throwsAsync(certificates.reload(), { code: 'NET_E_TLS', message: /key\.pem is not the key of .*cert\.pem/ });
  await writeFile(files.certFile, 'nonsense');
  await t.throwsAsync(certificates.reload(), { code: 'NET_E_TLS', message: /cert\.pem is no PEM certificate/ });
  await writePair(dir, await makeSelfSigned(Date.now() - 900 * 24 * 3_600_000));
  await t.throwsAsync(certificates.reload(), { code: 'NET_E_TLS', message: /expired on/ });
  t.is(certificates.current, before);
  t.is(certificates.context(), context);
  t.is(changes, 0);

  await writePair(dir, one);
  await certificates.reload();
  t.is(changes, 0);
  await writePair(dir, two);
  await certificates.reload();
  t.is(changes, 1);
  t.is(certificates.current.cert, two.cert);
  t.not(certificates.context(), context);
});

test('a configured pair that is missing or half configured stops the start with a sentence', async (t) => {
  const dir = temporaryFolder(t);
  const log = keptLog();
  await t.throwsAsync(Certificates.open({ dir, log, certFile: join(dir, 'a.pem') }), { code: 'NET_E_TLS', message: /Only one of tls\.cert and tls\.key/ });
  await t.throwsAsync(Certificates.open({ dir, log, certFile: join(dir, 'a.pem'), keyFile: join(dir, 'b.pem') }), { code: 'NET_E_TLS', message: /\.pem cannot be read/ });
});

function peerFingerprint(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.end();
    });
    socket.on('error', reject);
  });
}

test('TLS clients see the new certificate without a new listener; open connections go on', async (t) => {
  const dir = temporaryFolder(t);
  const certificates = await Certificates.open({ dir, log: keptLog() });
  const listeners = new Listeners({ log: keptLog(), certificates });
  t.teardown(() => listeners.closeAll());
  const tcp = await listeners.tls({ host: '127.0.0.1', port: 0, name: 'a' }, (connection) => connection.setHandler({ onData: (chunk) => void connection.write(chunk), onClose: () => undefined }), noFault(t));
  const http = await listeners.http({ host: '127.0.0.1', port: 0, name: 'b', tls: true, http2: true }, { onRequest: () => undefined }, noFault(t));
  tcp.commit();
  http.commit();
  const open = connect({ host: '127.0.0.1', port: tcp.address.port, rejectUnauthorized: false });
  await new Promise((resolve) => open.once('secureConnect', resolve));
  t.is(await peerFingerprint(tcp.address.port), certificates.current.fingerprintSha256);

  const before = certificates.current.fingerprintSha256;
  const next = await writePair(temporaryFolder(t), await makeSelfSigned());
  await copyFile(next.certFile, join(dir, 'tls-cert.pem'));
  await copyFile(next.keyFile, join(dir, 'tls-key.pem'));
  await certificates.reload();
  t.not(certificates.current.fingerprintSha256, before);
  t.is(await peerFingerprint(tcp.address.port), certificates.current.fingerprintSha256);
  t.is(await peerFingerprint(http.address.port), certificates.current.fingerprintSha256);
  const echoed = new Promise<string>((resolve) => open.once('data', (chunk) => resolve(String(chunk))));
  open.write('still here');
  t.is(await echoed, 'still here');
  open.destroy();
});
