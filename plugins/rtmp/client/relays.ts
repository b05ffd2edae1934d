import { WcsError, type PluginContext, type PluginSession } from 'wcs-core';
import type { RtmpSettings } from '../server/settings.ts';
import { parseRelayAddress, shownAddress, type RelayAddress } from '../session/relay-address.ts';
import { Relay, type RelayServices, type RelayState } from './relay.ts';
import type { RelayMedia, RelayOrder, RelayPort, SoundControl } from './relay-media.ts';

/** How often relays are looked after. */
const TICK_MS = 1000;
/** What publishers and players call themselves where nobody says otherwise: names that servers know. */
const PUBLISHER_VERSION = 'FMLE/3.0 (compatible; WCS Core)';
const PLAYER_VERSION = 'LNX 9,0,124,2';

/** A stream on its way to another server. */
export type Push = Relay<RelayMedia & { readonly sound: SoundControl }>;
/** A stream of another server. */
export type Pull = Relay;

/** What is asked of a push. */
export interface PushWish {
  readonly streamName: string;
  readonly rtmpUrl: string;
  /** Whether the URL names the stream on the other server. */
  readonly fullUrl: boolean;
  readonly flashVersion: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
  readonly caller: string | undefined;
}

/** What is asked of a pull. */
export interface PullWish {
  readonly uri: string;
  readonly localStreamName: string;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  readonly record: boolean;
  readonly lasting: boolean;
  readonly caller: string | undefined;
}

/** All pushes and pulls of this version of the plugin. */
export class Relays {
  readonly #ctx: PluginContext<RtmpSettings>;
  readonly #port: RelayPort;
  readonly #services: RelayServices;
  readonly #pushes = new Map<PluginSession, Push>();
  readonly #pulls = new Map<PluginSession, Pull>();

  /** @param nowMs monotonic clock in milliseconds */
  constructor(ctx: PluginContext<RtmpSettings>, port: RelayPort, nowMs: () => number) {
    this.#ctx = ctx;
    this.#port = port;
    this.#services = { ctx, nowMs, onOver: (relay) => this.#forget(relay.session) };
  }

  get pushes(): readonly Push[] {
    return [...this.#pushes.values()];
  }

  get pulls(): readonly Pull[] {
    return [...this.#pulls.values()];
  }

  /** Starts to look after silent servers. */
  start(): void {
    this.#ctx.timers.every(TICK_MS, () => {
      for (const relay of [...this.#pushes.values(), ...this.#pulls.values()]) relay.tick();
    });
  }

  /**
   * Pushes a stream; resolves once the other server takes it.
   *
   * @throws WcsError OPERATION_E_CONFLICT when the stream is pushed there already, and what `Relay.start` throws
   */
  async push(wish: PushWish): Promise<Push> {
    const { streamName: localName, rtmpUrl, fullUrl, flashVersion = PUBLISHER_VERSION, options, caller } = wish;
    const given = parseRelayAddress(rtmpUrl, fullUrl);
    const address = fullUrl ? given : { ...given, streamName: this.#ctx.settings.client.pushNamePrefix + localName };
    const order: RelayOrder = { role: 'publish', address, url: rtmpUrl, shownUrl: shownAddress(given), localName, flashVersion, caller, hasAudio: true, hasVideo: true, record: false, lasting: true, options };
    const same = this.pushes.some((push) => push.order.localName === localName && isSameTarget(push.order.address, address));
    if (same) throw new WcsError('OPERATION_E_CONFLICT', `Stream ${localName} is pushed to that address already.`);
    const push = this.#addPush(this.#open(), order);
    await push.start();
    return push;
  }

  /**
   * Pulls a stream; resolves once its first message has come.
   *
   * @throws WcsError OPERATION_E_CONFLICT when the address is pulled already, and what `Relay.start` throws
   */
  async pull(wish: PullWish): Promise<Pull> {
    const { uri: url, localStreamName: localName, hasAudio, hasVideo, record, lasting, caller } = wish;
    const address = parseRelayAddress(url, true);
    const order: RelayOrder = { role: 'play', address, url, shownUrl: shownAddress(address), localName, flashVersion: PLAYER_VERSION, caller, hasAudio, hasVideo, record, lasting, options: {} };
    if (lasting && this.pulls.some((pull) => isSameTarget(pull.order.address, address))) throw new WcsError('OPERATION_E_CONFLICT', 'That address is pulled already.');
    const pull = this.#addPull(this.#open(), order);
    await pull.start();
    return pull;
  }

  /** True for a session of a push or a pull. */
  has(session: PluginSession): boolean {
    return this.#pushes.has(session) || this.#pulls.has(session);
  }

  exportSession(session: PluginSession): RelayState | undefined {
    return (this.#pushes.get(session) ?? this.#pulls.get(session))?.exportState();
  }

  /** Goes on with a relay of the previous version; the answer is a pull. */
  importSession(session: PluginSession, state: RelayState): Pull | undefined {
    if (state.order.role === 'play') return this.#addPull(session, state.order, state);
    this.#addPush(session, state.order, state);
    return undefined;
  }

  #addPush(session: PluginSession, order: RelayOrder, state?: RelayState): Push {
    const push: Push = new Relay(this.#services, session, order, (host, restored) => this.#port.push(host, restored), state);
    this.#pushes.set(session, push);
    return push;
  }

  #addPull(session: PluginSession, order: RelayOrder, state?: RelayState): Pull {
    const pull: Pull = new Relay(this.#services, session, order, (host, restored) => this.#port.pull(host, restored), state);
    this.#pulls.set(session, pull);
    return pull;
  }

  #open(): PluginSession {
    const { maxRelays } = this.#ctx.settings.client;
    const count = this.#pushes.size + this.#pulls.size;
    if (count >= maxRelays) throw new WcsError('NET_E_PORT_EXHAUSTED', `${count} RTMP pushes and pulls are running; plugins.rtmp.client.maxRelays allows no more.`);
    return this.#ctx.sessions.open({ protocol: 'rtmp', kind: 'internal' });
  }

  #forget(session: PluginSession): void {
    this.#pushes.delete(session);
    this.#pulls.delete(session);
  }
}

/** True for two addresses of one stream, whoever the user is. */
export function isSameTarget(a: RelayAddress, b: RelayAddress): boolean {
  return a.secure === b.secure && a.authority === b.authority && a.app === b.app && a.streamName === b.streamName;
}
