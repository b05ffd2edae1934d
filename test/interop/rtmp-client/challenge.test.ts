import { createHash } from 'node:crypto';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { amfProperties } from '../../../core/formats/amf.ts';
import { FakeRtmpServer, type FakeServerOptions } from '../../support/fake-rtmp-server.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { realConfigs } from '../../support/rtmp-media.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const USER = 'publisher';
/** Without a character that an address would encode: this ffmpeg does not decode it. */
const PASSWORD = 'se-cret_9';
const SALT = 'c2FsdA==';
const CHALLENGE = 'Y2hhbGw=';
const OPAQUE = 'b3BhcXU=';
const NONCE = 'bm9uY2U=';
const configs = realConfigs();
let server: TestKernel;
let publisher: RtmpClient;

test.before(async () => {
  const [port = 0] = await freePorts(1);
  server = await startTestKernel({ config: { network: { host: '127.0.0.1', allowedTargets: ['127.0.0.1'] } }, plugins: { rtmp: { port } } });
  publisher = new RtmpClient(port);
  const streamId = await publisher.publish('source');
  publisher.send({ type: 9, streamId, timestampMs: 0, payload: configs.video });
});
test.after.always(async () => {
  publisher.close();
  await server.stop();
});

const md5 = (text: string, encoding: 'base64' | 'hex'): string => createHash('md5').update(text).digest(encoding);

/** What Adobe's server wants to hear, from its own description of the scheme. */
function adobeExpects({ challenge = '' }: Readonly<Record<string, string>>): string {
  return md5(`${md5(USER + SALT + PASSWORD, 'base64')}${OPAQUE}${challenge}`, 'base64');
}

/** What Limelight's wants to hear: HTTP Digest with its own realm, method and path. */
function limelightExpects({ nc = '', cnonce = '' }: Readonly<Record<string, string>>): string {
  return md5([md5(`${USER}:live:${PASSWORD}`, 'hex'), NONCE, nc, cnonce, 'auth', md5('publish:/live/_definst_', 'hex')].join(':'), 'hex');
}

const SCHEMES = {
  adobe: { expects: adobeExpects, challenge: `salt=${SALT}&challenge=${CHALLENGE}&opaque=${OPAQUE}` },
  llnw: { expects: limelightExpects, challenge: `nonce=${NONCE}` },
} as const;

/** A server that lets in who proves a password by one of the schemes. */
function guarded(scheme: keyof typeof SCHEMES, onTaken: () => void): FakeServerOptions {
  return {
    onCommand: ({ name, object, transactionId }, peer) => {
      if (name === 'publish') onTaken();
      if (name !== 'connect') return false;
      const app = amfProperties(object)?.app;
      const asked = Object.fromEntries((typeof app === 'string' ? app : '').split(/[?&]/).slice(1).map((pair) => [pair.split('=')[0] ?? '', pair.slice(pair.indexOf('=') + 1)]));
      const reject = (description: string): boolean => {
        peer.call(0, '_error', transactionId, null, { level: 'error', code: 'NetConnection.Connect.Rejected', description: `[ AccessManager.Reject ] : ${description}` });
        peer.socket.end();
        return true;
      };
      if (asked.authmod !== scheme) return reject(`[ code=403 need auth; authmod=${scheme} ] : `);
      if (asked.response === undefined) return reject(`[ authmod=${scheme} ] : ?reason=needauth&user=${asked.user}&${SCHEMES[scheme].challenge}`);
      return asked.user === USER && asked.response === SCHEMES[scheme].expects(asked) ? false : reject(`[ authmod=${scheme} ] : ?reason=authfailed`);
    },
  };
}

for (const scheme of ['adobe', 'llnw'] as const) {
  test.serial(`a push proves its password by authmod=${scheme}, and a wrong one is refused after one try`, async (t) => {
    let taken = 0;
    const fake = await FakeRtmpServer.start(t, guarded(scheme, () => (taken += 1)));
    const push = (password: string) => server.call('push.startup', { streamName: 'source', rtmpUrl: fake.url('live', `${USER}:${password}`) });
    const answer = (await push(PASSWORD)) as { mediaSessionId: string; rtmpUrl: string };
    t.is(taken, 1);
    t.is(fake.peers.length, 3);
    t.is(answer.rtmpUrl, fake.url('live', USER));
    t.false(JSON.stringify(await server.call('push.find_all')).includes(PASSWORD));
    await server.call('push.terminate', answer);
    await t.throwsAsync(push('wrong'), { code: 'NET_E_PEER_REFUSED', message: /does not take this user and password/ });
    t.is(fake.peers.length, 6);
    t.false(fake.peers.some(({ commands }) => JSON.stringify(commands).includes(PASSWORD)), 'the password itself goes nowhere');
    t.false(server.logLines.join('\n').includes(PASSWORD));
  });

  peerTest(`the server of these tests lets ffmpeg in by authmod=${scheme} as well`, ['ffmpeg'], async (t: ExecutionContext) => {
    let taken = 0;
    const fake = await FakeRtmpServer.start(t, guarded(scheme, () => (taken += 1)));
    new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-i', join(mediaFolder, 'avc.mp4'), '-c', 'copy', '-f', 'flv', fake.url('live/name', `${USER}:${PASSWORD}`)]);
    await until(() => taken === 1, 'ffmpeg to publish');
    t.is(fake.peers.length, 3);
  });
}
