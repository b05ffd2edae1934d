import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DtlsHandshake, type DtlsResult } from '../../../core/rtp/dtls/handshake.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { serverIdentity } from '../../support/webrtc/dtls-pair.ts';

const KEYING_BYTES = 60;

/** Keys of each kind of certificate, and servers that want a cookie first and that do not. */
for (const [what, key, more] of [
  ['ECDSA, with a cookie', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], ['-listen']],
  ['RSA, without a cookie', ['rsa:2048'], []],
] as const) {
  peerTest(`as client we agree on keys with OpenSSL (${what})`, ['openssl'], async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wcs-dtls-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const inFolder = (command: string): string[] => ['-c', `cd ${folder} && ${command}`];
    spawnSync('sh', inFolder(`openssl req -x509 -newkey ${key.join(' ')} -nodes -keyout key.pem -out cert.pem -subj /CN=peer -days 2 && mkfifo input`));
    const fingerprint = { algorithm: 'sha-256', value: new X509Certificate(readFileSync(join(folder, 'cert.pem'))).fingerprint256 };
    const [port = 0] = await freePorts(1);
    // It ends when its input does.
    const peer = new PeerProcess(t, 'sh', inFolder(`exec openssl s_server -dtls1_2 ${more.join(' ')} -accept 127.0.0.1:${port} -cert cert.pem -key key.pem -verify 1 -use_srtp SRTP_AES128_CM_SHA1_80 -keymatexport EXTRACTOR-dtls_srtp -keymatexportlen ${KEYING_BYTES} <>input`));
    await until(() => peer.stdout.includes('ACCEPT'), 'OpenSSL to listen');
    const identity = await serverIdentity();
    const connect = (fingerprints: readonly (typeof fingerprint)[]): Promise<DtlsResult | string> =>
      new Promise((resolve) => {
        const socket = createSocket('udp4');
        const handshake = new DtlsHandshake(identity, fingerprints, { send: (datagram) => socket.send(datagram, port, '127.0.0.1'), onConnected: resolve, onFailed: resolve, onSilence: () => resolve('silence') }, 'client');
        socket.on('message', (datagram) => handshake.onDatagram(datagram));
        t.teardown(() => {
          handshake.abort();
          socket.close();
        });
        handshake.start();
      });
    const result = await connect([fingerprint]);
    if (typeof result === 'string') return t.fail(result);
    const material = await until(() => /Keying material: ([\dA-F]+)/.exec(peer.stdout)?.[1], 'the keys of OpenSSL');
    const { localKeys: local, remoteKeys: remote } = result;
    // Client's key, server's key, client's salt, server's salt. @see RFC 5764 section 4.2
    t.is(Buffer.concat([local.masterKey, remote.masterKey, local.masterSalt, remote.masterSalt]).toString('hex').toUpperCase(), material);
    t.is(local.profile, 'AES_CM_128_HMAC_SHA1_80');
    t.regex(peer.stdout, /Client certificate[^]*subject=/, 'we have shown ours');
  });
}
