import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { RTCCertificate } from 'werift';
import { PluginUnderTest } from '../support/conformance/plugin-under-test.ts';
import type { SignallingClient } from '../support/signalling-client.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';
import type { Signalling } from '../support/webrtc/client.ts';
import { NumberedPlayer, NumberedPublisher } from '../support/webrtc/numbered-media.ts';
import { makeCertificate } from '../support/webrtc/transport.ts';
import { byWebSocket } from '../support/webrtc/websocket-signalling.ts';

const SWAPS = 4;
const PICTURE_MS = 50;
/** Streams, each once by WHIP and once by the WebSocket, and their viewers by WHEP and by the WebSocket. */
const STREAMS = { whip: 5, websocket: 5 } as const;
const VIEWERS = { whep: 20, websocket: 20 } as const;
const SESSIONS = STREAMS.whip + STREAMS.websocket + VIEWERS.whep + VIEWERS.websocket;
const PICTURES_SEEN = 5;

interface Setup {
  readonly t: ExecutionContext;
  readonly kernel: TestKernel;
  readonly plugins: Readonly<Record<'webrtc' | 'websocket', PluginUnderTest>>;
  readonly httpPort: number;
  readonly signallingPort: number;
  readonly certificate: RTCCertificate;
}

async function start(t: ExecutionContext): Promise<Setup> {
  const pluginOf = (name: string): PluginUnderTest => new PluginUnderTest(name, join(checkout, 'plugins', name, `${name}.plugin.ts`));
  const plugins = { webrtc: pluginOf('webrtc'), websocket: pluginOf('websocket') };
  const [httpPort = 0, port = 0, signallingPort = 0, tlsPort = 0] = await freePorts(4);
  const kernel = await startTestKernel({
    plugins: {
      http: { port: httpPort, tlsPort: 'off' },
      webrtc: { port, path: plugins.webrtc.folder, drainMs: 5000 },
      websocket: { port: signallingPort, tlsPort, path: plugins.websocket.folder, drainMs: 5000 },
    },
  });
  t.teardown(async () => {
    await kernel.stop();
    for (const plugin of Object.values(plugins)) plugin.remove();
  });
  return { t, kernel, plugins, httpPort, signallingPort, certificate: await makeCertificate() };
}

/** All clients, with the sockets of those that came by WebSocket. */
class Clients {
  readonly publishers: NumberedPublisher[] = [];
  readonly players: { readonly stream: number; readonly player: NumberedPlayer }[] = [];
  readonly sockets: SignallingClient[] = [];
  readonly #setup: Setup;
  #timer: NodeJS.Timeout | undefined;

  constructor(setup: Setup) {
    this.#setup = setup;
    setup.t.teardown(() => this.pause());
  }

  async publish(name: string, by: keyof typeof STREAMS): Promise<void> {
    const { t, kernel, certificate } = this.#setup;
    const publisher = await NumberedPublisher.start(t, { url: await this.#signalling('publishStream', name, by === 'websocket'), certificate });
    this.publishers.push(publisher);
    publisher.write();
    await until(() => kernel.kernel.parts.media.find(name)?.tracks.length === 2, `the tracks of ${name}`);
  }

  async play(stream: number, by: keyof typeof VIEWERS): Promise<NumberedPlayer> {
    const { t, certificate } = this.#setup;
    return NumberedPlayer.start(t, { url: await this.#signalling('playStream', `stream${stream}`, by === 'websocket'), certificate });
  }

  /** Every publisher goes on at its pace. */
  go(): void {
    this.#timer = setInterval(() => this.publishers.forEach((publisher) => publisher.write()), PICTURE_MS);
  }

  pause(): void {
    clearInterval(this.#timer);
  }

  async #signalling(message: 'publishStream' | 'playStream', name: string, overWebSocket: boolean): Promise<string | Signalling> {
    if (!overWebSocket) return `http://127.0.0.1:${this.#setup.httpPort}/${message === 'publishStream' ? 'whip' : 'whep'}/${name}`;
    const { t, signallingPort } = this.#setup;
    const { client, url } = await byWebSocket(t, signallingPort, { message, name });
    this.sockets.push(client);
    return url;
  }
}

/** Opens one more viewer of each kind, sees it play, and lets it go. */
async function newcomersPlay({ t, kernel }: Setup, clients: Clients, round: number): Promise<void> {
  const { host } = kernel.kernel;
  for (const by of ['whep', 'websocket'] as const) {
    const newcomer = await clients.play(round % clients.publishers.length, by);
    await until(() => newcomer.video.numbers.length > PICTURES_SEEN, `pictures of a newcomer by ${by}`);
    t.is(host.slot('webrtc').active?.sessions.size, SESSIONS + 1, 'it is with the new generation');
    t.deepEqual(newcomer.faults(), []);
    newcomer.leave();
    if (by === 'websocket') clients.sockets.pop()?.end();
    await until(() => host.slot('webrtc').active?.sessions.size === SESSIONS && host.slot('websocket').active?.sessions.size === clients.sockets.length, 'it to be gone');
  }
}

async function collected({ kernel }: Setup, name: string): Promise<void> {
  const slot = kernel.kernel.host.slot(name);
  await until(() => slot.draining.size === 0, `the previous versions of ${name} to drain`);
  await until(async () => {
    global.gc?.();
    await sleep(10);
    return slot.uncollected === 0;
  }, `the previous versions of ${name} to be collected`);
}

test.serial('fifty live sessions go on through swaps of both plugins, without a packet lost, repeated or under a wrong key', async (t) => {
  t.timeout(120_000);
  const setup = await start(t);
  const { kernel, plugins } = setup;
  const { host, parts } = kernel.kernel;
  const clients = new Clients(setup);
  for (let stream = 0; stream < STREAMS.whip + STREAMS.websocket; stream++) await clients.publish(`stream${stream}`, stream < STREAMS.whip ? 'whip' : 'websocket');
  clients.go();
  for (const by of ['whep', 'websocket'] as const) {
    for (let index = 0; index < VIEWERS[by]; index++) {
      const stream = index % clients.publishers.length;
      clients.players.push({ stream, player: await clients.play(stream, by) });
    }
  }
  await until(() => clients.players.every(({ player }) => player.video.numbers.length > 0), 'all pictures');
  const ids = parts.sessions.list().map(({ id }) => id).sort();
  t.is(parts.sessions.list({ protocol: 'webrtc' }).length, SESSIONS);

  const swap = async (name: keyof typeof plugins): Promise<void> => {
    plugins[name].writeGood();
    await kernel.call('plugin.reload', { name });
    t.like(host.slot(name).lastSwap, { moved: name === 'webrtc' ? SESSIONS : clients.sockets.length, draining: 0 });
  };
  for (let round = 0; round < SWAPS; round++) {
    await swap('webrtc');
    await newcomersPlay(setup, clients, round);
    await swap('websocket');
    await newcomersPlay(setup, clients, round + 1);
    await Promise.all([swap('websocket'), swap('webrtc')]);
  }

  clients.pause();
  for (const { stream, player } of clients.players) {
    const last = (clients.publishers[stream]?.next ?? 0) - 1;
    await until(() => player.has(last), `picture ${last} of stream ${stream}`);
    t.deepEqual(player.faults(), []);
  }
  t.deepEqual(parts.sessions.list().map(({ id }) => id).sort(), ids);
  for (const socket of clients.sockets) t.deepEqual([socket.close, socket.all('notifyStreamStatusEvent').filter(({ status }) => status === 'FAILED')], [undefined, []]);
  for (const name of ['webrtc', 'websocket']) {
    t.is(host.slot(name).faultsSeen, 0);
    await collected(setup, name);
  }
  t.deepEqual(kernel.logLines.filter((line) => line.includes('"level":"error"')), []);
});
