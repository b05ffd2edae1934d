import { join } from 'node:path';
import test from 'ava';
import { checkout } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';
import { until } from '../support/until.ts';
import { NumberedPlayer, NumberedPublisher } from '../support/webrtc/numbered-media.ts';
import { writeOffer } from '../support/webrtc/session-description.ts';
import { makeCertificate } from '../support/webrtc/transport.ts';

const OFFER = writeOffer({ direction: 'recvonly', ufrag: 'abcd', pwd: 'abcdefghijklmnopqrstuvwx', fingerprint: `sha-256 ${Array(32).fill('AB').join(':')}` });
const certificate = makeCertificate();
let streams = 0;

/** Status and challenge of an offer that is made with or without a token. */
async function statusOf(url: string, token?: string): Promise<readonly [number, string | null]> {
  const headers = { 'Content-Type': 'application/sdp', Connection: 'close', ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { method: 'POST', headers, body: OFFER });
  await response.arrayBuffer();
  return [response.status, response.headers.get('www-authenticate')];
}

pluginConformance(test, {
  name: 'webrtc',
  entry: join(checkout, 'plugins', 'webrtc', 'webrtc.plugin.ts'),
  portCount: 2,
  settings: ([port]) => ({ port }),
  otherPlugins: ([, httpPort]) => ({ http: { port: httpPort, tlsPort: 'off' } }),
  keepsSessions: true,
  openSession: async ({ t, kernel, ports }) => {
    const name = `conformance${streams++}`;
    const options = async (protocol: string) => ({ url: `http://127.0.0.1:${ports[1]!}/${protocol}/${name}`, certificate: await certificate });
    const publisher = await NumberedPublisher.start(t, await options('whip'));
    publisher.write();
    await until(() => kernel.kernel.parts.media.find(name)?.tracks.length === 2, 'the tracks');
    const player = await NumberedPlayer.start(t, await options('whep'));
    await until(() => {
      publisher.write();
      return player.video.numbers.length > 0;
    }, 'the first picture');
    return {
      verify: async () => {
        for (let count = 0; count < 5; count++) publisher.write();
        await until(() => player.has(publisher.next - 1), `picture ${publisher.next - 1}; ${player.video.numbers.length} came, the last one ${player.video.numbers.at(-1)}`);
        const faults = player.faults();
        if (faults.length > 0) throw new Error(faults.join('; '));
      },
      close: async () => {
        player.leave();
        publisher.leave();
        await until(() => kernel.kernel.parts.sessions.list({ streamName: name }).length === 0, 'both sessions to end');
      },
    };
  },
  tryRefused: async ({ t, ports }) => {
    for (const protocol of ['whip', 'whep']) {
      const url = `http://127.0.0.1:${ports[1]!}/${protocol}/refused`;
      t.deepEqual(await statusOf(url), [401, 'Bearer'], `${protocol} without a token is asked for one`);
      t.deepEqual(await statusOf(url, 'wrong'), [403, null], `${protocol} with a token is refused`);
    }
    return true;
  },
});
