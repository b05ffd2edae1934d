import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { ExecutionContext } from 'ava';

/** What becomes of a datagram: `late` lets it pass some time after those behind it. */
export type Fate = 'pass' | 'drop' | 'twice' | { readonly lateMs: number };

/** Decides over the datagrams of one direction, in the order in which they come. */
export type Rule = (datagram: Uint8Array) => Fate;

/** What the relay did with the datagrams of one direction. */
export interface RelayCounters {
  passed: number;
  dropped: number;
  doubled: number;
  delayed: number;
}

/** The two directions. */
export type Direction = 'toServer' | 'toClient';

/** One client behind the relay: the server sees it at the address of `socket`. */
interface Flow {
  readonly client: RemoteInfo;
  readonly socket: Socket;
}

const UDP_CANDIDATE = /^a=candidate:(\S+) (\d) udp (\d+) (\S+) (\d+) (.*)$/gim;

/**
 * A bad network on loopback. Clients talk to the relay in place of the server; each keeps an address of its own towards
 * the server. Rules may be changed while traffic runs.
 */
export class UdpRelay {
  readonly counters: Readonly<Record<Direction, RelayCounters>> = { toServer: noneYet(), toClient: noneYet() };
  toServer: Rule = () => 'pass';
  toClient: Rule = () => 'pass';
  readonly #front: Socket;
  readonly #flows = new Map<string, Flow>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #target: { readonly address: string; readonly port: number } | undefined;

  private constructor(front: Socket) {
    this.#front = front;
    front.on('message', (datagram, client) => this.#onClient(datagram, client));
  }

  /** Opens a relay that is closed when the test ends. */
  static async open(t: ExecutionContext): Promise<UdpRelay> {
    const front = createSocket('udp4');
    await new Promise<void>((resolve) => front.bind(0, '127.0.0.1', resolve));
    const relay = new UdpRelay(front);
    t.teardown(() => relay.#close());
    return relay;
  }

  get port(): number {
    return this.#front.address().port;
  }

  /** Senders that have come by here: for each of them the relay has a socket of its own. */
  get senders(): number {
    return this.#flows.size;
  }

  /**
   * Puts the relay in the place of the first IPv4 candidate over UDP and takes all others out, so that no way leads
   * past it.
   *
   * @throws Error when there is no such candidate
   */
  rewriteAnswer(sdp: string): string {
    const found = [...sdp.matchAll(UDP_CANDIDATE)].find(([, , , , address = '']) => !isIPv6(address));
    if (found === undefined) throw new Error(`No UDP candidate in the answer:\n${sdp}`);
    const [, , , , address = '', port] = found;
    this.#target = { address, port: Number(port) };
    const [line] = found;
    const own = line.replace(`${address} ${port}`, `127.0.0.1 ${this.port}`);
    return sdp
      .split(/\r?\n/)
      .filter((text) => !text.startsWith('a=candidate:') || text === line)
      .map((text) => (text === line ? own : text))
      .join('\r\n');
  }

  /** Sends what clients say to that port of loopback. */
  forwardTo(port: number): void {
    this.#target = { address: '127.0.0.1', port };
  }

  /** From now on all clients have another address towards the server, as after a change of network. */
  changeAddresses(): void {
    for (const { socket } of this.#flows.values()) socket.close();
    this.#flows.clear();
  }

  #onClient(datagram: Buffer, client: RemoteInfo): void {
    const target = this.#target;
    if (target === undefined) return;
    const flow = this.#flowOf(client);
    this.#deliver('toServer', datagram, () => flow.socket.send(datagram, target.port, target.address));
  }

  #flowOf(client: RemoteInfo): Flow {
    const name = `${client.address}:${client.port}`;
    const known = this.#flows.get(name);
    if (known !== undefined) return known;
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    const flow = { client, socket };
    socket.on('message', (datagram) => {
      this.#deliver('toClient', datagram, () => this.#front.send(datagram, client.port, client.address));
    });
    this.#flows.set(name, flow);
    return flow;
  }

  #deliver(direction: Direction, datagram: Uint8Array, send: () => void): void {
    const fate = this[direction](datagram);
    const counters = this.counters[direction];
    if (fate === 'drop') {
      counters.dropped++;
      return;
    }
    if (typeof fate === 'object') {
      counters.delayed++;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        send();
      }, fate.lateMs);
      this.#timers.add(timer);
      return;
    }
    counters.passed++;
    send();
    if (fate !== 'twice') return;
    counters.doubled++;
    send();
  }

  #close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.changeAddresses();
    this.#front.close();
  }
}

function noneYet(): RelayCounters {
  return { passed: 0, dropped: 0, doubled: 0, delayed: 0 };
}

/** Numbers from 0 to 1 that are the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Loses a share of all datagrams, evenly at random. */
export function loseShare(share: number, seed = 1): Rule {
  const next = randomNumbers(seed);
  return () => (next() < share ? 'drop' : 'pass');
}

/** Gives a fate to the first datagrams that match, `times` of them, and lets all others pass. */
export function onMatch(matches: (datagram: Uint8Array) => boolean, fate: Fate, times = 1): Rule {
  let left = times;
  return (datagram) => {
    if (left === 0 || !matches(datagram)) return 'pass';
    left--;
    return fate;
  };
}

/** Repeats and delays shares of all datagrams: what multipath and retransmitting links do. */
export function disorder(shares: { readonly twice: number; readonly late: number; readonly lateMs: number }, seed = 1): Rule {
  const next = randomNumbers(seed);
  return () => {
    const value = next();
    if (value < shares.twice) return 'twice';
    return value < shares.twice + shares.late ? { lateMs: shares.lateMs } : 'pass';
  };
}

/** First rule with something to say wins. */
export function anyOf(...rules: readonly Rule[]): Rule {
  return (datagram) => rules.map((rule) => rule(datagram)).find((fate) => fate !== 'pass') ?? 'pass';
}

/** Whether a datagram is DTLS. @see RFC 7983 section 7 */
export function isDtls(datagram: Uint8Array): boolean {
  const first = datagram[0] ?? 0;
  return first >= 20 && first <= 63;
}

/** Whether a datagram begins with this handshake message in the clear. @see RFC 6347 section 4.3.2 */
export function isHandshake(type: number): (datagram: Uint8Array) => boolean {
  return (datagram) => datagram[0] === 22 && datagram[3] === 0 && datagram[4] === 0 && datagram[13] === type;
}

/** Whether a datagram begins with a ChangeCipherSpec, which stands before each side's Finished. */
export function isChangeCipherSpec(datagram: Uint8Array): boolean {
  return datagram[0] === 20;
}
