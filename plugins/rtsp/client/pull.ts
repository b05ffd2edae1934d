import { messageOf, ProtocolError, WcsError, type PluginContext, type PluginSession, type Publication } from 'wcs-core';
import { PULL_REASONS, type PullFailure } from '../session/pull-failure.ts';
import type { PullTrack, PullTransport } from '../session/pull-state.ts';
import { parseRtspUrl, type RtspUrl } from '../wire/rtsp-url.ts';
import type { PulledStream, PullMediaPort, PullPublisher } from './media-port.ts';
import { PullLink, type LinkEnd, type LinkEvents, type LinkState } from './pull-link.ts';
import type { ClientSettings } from './settings.ts';

const REDIRECTS_MAX = 5;
/** A camera that played this long begins its waits anew when it goes. */
const SETTLED_MS = 10_000;

/** What every pull is given. */
export interface PullServices {
  readonly ctx: PluginContext;
  readonly settings: ClientSettings;
  readonly media: PullMediaPort;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** How an address was played last, or how it is to be tried. */
  transportOf(uri: string): PullTransport;
  rememberTransport(uri: string, transport: PullTransport): void;
  onFailure(failure: PullFailure): void;
  onClosed(pull: Pull): void;
}

/** What a pull is for. */
export interface PullWish {
  /** As it was given, with its credentials: the name of the pull. */
  readonly uri: string;
  /** IP address of who asked; undefined for the server itself. */
  readonly caller: string | undefined;
}

/** Plain data of a `Pull`. */
export interface PullState extends PullWish {
  readonly names: readonly string[];
  readonly place: RtspUrl | undefined;
  readonly link: LinkState | undefined;
  /** In the order of the session's publications. */
  readonly publishers: readonly unknown[];
  readonly attempts: number;
  readonly retryAtMs: number | undefined;
  readonly playingSinceMs: number | undefined;
  readonly lastPacketMs: number | undefined;
  readonly receivedBytes: number;
}

/** A stream that the pull feeds. */
interface Outlet {
  readonly name: string;
  publisher: PullPublisher | undefined;
}

/** One camera that is pulled, through all its connections, for all readers of all its names. */
export class Pull {
  readonly session: PluginSession;
  readonly uri: string;
  readonly caller: string | undefined;
  /** Resolves when the camera has begun to play; rejects when it can't be had. */
  readonly started: Promise<void>;
  readonly #services: PullServices;
  #outlets: Outlet[] = [];
  #settle: { resolve(): void; reject(error: Error): void } | undefined;
  /** The address that the present link is to: another one after a redirect. */
  #place: RtspUrl | undefined;
  #link: PullLink | undefined;
  #attempts = 0;
  #retryAtMs: number | undefined;
  #playingSinceMs: number | undefined;
  #lastPacketMs: number | undefined;
  #receivedBytes = 0;

  /** @param state of a pull of the previous version, whose resources the session holds */
  constructor(services: PullServices, session: PluginSession, { uri, caller }: PullWish, state?: PullState) {
    this.#services = services;
    this.session = session;
    this.uri = uri;
    this.caller = caller;
    this.started = state === undefined ? new Promise((resolve, reject) => (this.#settle = { resolve, reject })) : Promise.resolve();
    // Whoever waits is told; a pull that nobody waits for any more is no fault.
    this.started.catch(() => undefined);
    session.scope.add('pull', () => {
      this.#settle?.reject(failed({ cause: 'ended', detail: 'the pull was ended' }));
      services.onClosed(this);
    });
    session.onGoodbye = (reason) => this.#sayGoodbye(reason);
    if (state !== undefined) this.#restore(state);
    session.entry.update({ role: 'publish', streamName: uri, bytesIn: () => this.#receivedBytes });
  }

  /** Calls the camera for the first time. */
  start(name: string): void {
    this.#outlets = [{ name, publisher: undefined }];
    this.#dial();
  }

  /** Undefined until the camera has played, and while it is called: then a later question finds plain data. */
  exportState(): PullState | undefined {
    const link = this.#link?.exportState();
    if (this.#settle !== undefined || (link === undefined && this.#retryAtMs === undefined)) return undefined;
    const publishers = this.#outlets.map(({ publisher }) => publisher?.exportState());
    const { uri, caller } = this;
    return {
      uri, caller, names: this.names, place: this.#place, link, publishers, attempts: this.#attempts,
      retryAtMs: this.#retryAtMs, playingSinceMs: this.#playingSinceMs, lastPacketMs: this.#lastPacketMs, receivedBytes: this.#receivedBytes,
    };
  }

  /** Names of the streams that it feeds. */
  get names(): readonly string[] {
    return this.#outlets.map(({ name }) => name);
  }

  get status(): 'PLAYING' | 'PENDING' {
    return this.#link?.isPlaying === true ? 'PLAYING' : 'PENDING';
  }

  get transport(): PullTransport | undefined {
    return this.#link?.transport;
  }

  /** Feeds another stream as well. @throws WcsError MEDIA_E_NAME_IN_USE */
  addOutlet(name: string): void {
    if (this.names.includes(name)) return;
    const outlet: Outlet = { name, publisher: undefined };
    this.#outlets.push(outlet);
    if (this.#link?.isPlaying === true) this.#publish(outlet, this.#link.tracks);
  }

  /** Ends one stream, and the pull with the last one. */
  dropOutlet(name: string, reason: string): void {
    const outlet = this.#outlets.find((one) => one.name === name);
    if (outlet === undefined) return;
    this.#outlets = this.#outlets.filter((one) => one !== outlet);
    outlet.publisher?.end(reason);
    if (this.#outlets.length === 0) this.session.close(reason);
  }

  /** Ends everything. */
  end(reason: string): void {
    for (const name of this.names) this.dropOutlet(name, reason);
  }

  /** To be called several times a second. */
  tick(nowMs: number): void {
    if (this.#retryAtMs !== undefined && nowMs >= this.#retryAtMs) this.#dial();
    this.#link?.tick(nowMs);
    for (const { publisher } of this.#outlets) publisher?.tick(nowMs);
    if (this.#link?.isPlaying === true) this.#lookForSilence(nowMs);
  }

  #restore(state: PullState): void {
    const { names, place, link, publishers } = state;
    this.#place = place;
    this.#attempts = state.attempts;
    this.#retryAtMs = state.retryAtMs;
    this.#playingSinceMs = state.playingSinceMs;
    this.#lastPacketMs = state.lastPacketMs;
    this.#receivedBytes = state.receivedBytes;
    if (link !== undefined) this.#link = this.#linkOf(link);
    const publications = [...this.session.publications];
    this.#outlets = names.map((name, index) => {
      const publication = publishers[index] === undefined ? undefined : publications.find(({ stream }) => stream.name === name);
      return { name, publisher: publication === undefined ? undefined : this.#restored(name, publication, publishers[index]) };
    });
  }

  #restored(name: string, publication: Publication, state: unknown): PullPublisher {
    return this.#services.media.restore(this.#streamOf(name, this.#link?.tracks ?? []), publication, state);
  }

  #dial(): void {
    this.#retryAtMs = undefined;
    this.#attempts += 1;
    this.#place = undefined;
    this.session.entry.update({ state: 'CONNECTING' });
    try {
      this.#call(parseRtspUrl(this.uri), REDIRECTS_MAX);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#failed({ cause: 'format', detail: error.message });
    }
  }

  #call(place: RtspUrl, redirectsLeft: number): void {
    this.#place = place;
    const call = async (): Promise<void> => {
      try {
        await this.#connect(place, redirectsLeft);
      } catch (error) {
        if (this.session.closed) return;
        this.#failed({ cause: 'connect', detail: messageOf(error) }, error instanceof WcsError && error.kind === 'refused' ? error : undefined);
      }
    };
    this.session.background(call());
  }

  async #connect(place: RtspUrl, redirectsLeft: number): Promise<void> {
    const { ctx, settings } = this.#services;
    const { signal } = this.session.scope;
    const { address, host } = await ctx.targets.check(place.requestUri, this.caller);
    const connection = await ctx.connect({
      address,
      port: place.port,
      range: 'cameras',
      signal,
      ...(settings.bindAddress === undefined ? {} : { localAddress: settings.bindAddress }),
      ...(place.secure ? { tls: { host, verify: settings.verifyCertificates } } : {}),
    });
    if (this.session.closed) {
      connection.destroy();
      return;
    }
    this.session.attach(connection, { onData: () => undefined, onClose: () => undefined });
    this.#link = this.#linkOf(undefined, redirectsLeft);
    this.#link.begin();
  }

  /** The link over the session's connection. */
  #linkOf(state: LinkState | undefined, redirectsLeft = 0): PullLink {
    const { ctx, settings, nowMs } = this.#services;
    const { session } = this;
    const [connection] = session.connections;
    const place = this.#place;
    if (connection === undefined || place === undefined) throw new Error('A pull without its connection');
    return new PullLink({
      session,
      connection,
      dialogue: { requestUri: place.requestUri, credentials: place.credentials, transport: this.#services.transportOf(this.uri) },
      openPairs: (count) => Promise.all(Array.from({ length: count }, () => ctx.rtp.openPair())),
      answerTimeoutMs: settings.answerTimeoutMs,
      events: this.#eventsOf(place, redirectsLeft),
      nowMs,
    }, state);
  }

  #eventsOf(place: RtspUrl, redirectsLeft: number): LinkEvents {
    return {
      onPlaying: (tracks) => this.#onPlaying(tracks),
      onRtp: (index, packet, receivedAtMs) => {
        this.#lastPacketMs = receivedAtMs;
        this.#receivedBytes += packet.length;
        for (const { publisher } of this.#outlets) publisher?.rtp(index, packet, receivedAtMs);
      },
      onRtcp: (index, compound, receivedAtMs) => {
        for (const { publisher } of this.#outlets) publisher?.rtcp(index, compound, receivedAtMs);
      },
      onEnd: (end) => this.#onLinkEnd(end, place, redirectsLeft),
    };
  }

  #onPlaying(tracks: readonly PullTrack[]): void {
    this.#playingSinceMs = this.#services.nowMs();
    this.#lastPacketMs = undefined;
    if (this.#link !== undefined) this.#services.rememberTransport(this.uri, this.#link.transport);
    try {
      for (const outlet of this.#outlets) this.#publish(outlet, tracks);
    } catch (error) {
      if (!(error instanceof WcsError)) throw error;
      return this.#giveUp(error);
    }
    this.session.entry.update({ state: 'PLAYING', info: { transport: this.#link?.transport, tracks: tracks.map(({ track }) => track.codec) } });
    this.session.log.info('RTSP stream pulled', { stream: this.uri, transport: this.#link?.transport });
    this.#settle?.resolve();
    this.#settle = undefined;
  }

  #publish(outlet: Outlet, tracks: readonly PullTrack[]): void {
    outlet.publisher?.giveWay();
    outlet.publisher = this.#services.media.publish(this.#streamOf(outlet.name, tracks));
  }

  #streamOf(name: string, tracks: readonly PullTrack[]): PulledStream {
    const isFirst = this.names.length === 0 || this.names[0] === name;
    return {
      session: this.session,
      name,
      owner: `rtsp pull of ${this.uri}`,
      peer: { address: this.#place?.host ?? '', port: this.#place?.port ?? 0 },
      graceMs: this.#services.settings.reconnectGraceMs,
      tracks: tracks.map(({ track }) => track),
      mayReorder: tracks.some(({ path }) => path?.type === 'udp'),
      // One report of the one reception, however many streams it feeds.
      sendRtcp: (index, compound) => {
        if (isFirst) this.#link?.sendRtcp(index, compound);
      },
      onTerminated: (reason) => this.dropOutlet(name, reason),
    };
  }

  #onLinkEnd(end: LinkEnd, place: RtspUrl, redirectsLeft: number): void {
    this.#link = undefined;
    if (end.type === 'failed') return this.#failed(end.failure);
    if (redirectsLeft === 0) return this.#failed({ cause: 'refused', detail: `more than ${REDIRECTS_MAX} redirects` });
    try {
      this.#call(redirected(place, end.location), redirectsLeft - 1);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#failed({ cause: 'format', detail: 'a redirect to no address' });
    }
  }

  /** @param refusal what whoever asked is told, where it is not the failure's own words */
  #failed(failure: PullFailure, refusal?: WcsError): void {
    const { settings, nowMs } = this.#services;
    if (this.session.closed) return;
    this.#services.onFailure(failure);
    this.session.log.info('RTSP pull failed', { stream: this.uri, ...failure, attempt: this.#attempts });
    if (this.#settle !== undefined) return this.#giveUp(refusal ?? failed(failure));
    if (this.#playingSinceMs !== undefined && nowMs() - this.#playingSinceMs >= SETTLED_MS) this.#attempts = 0;
    this.#playingSinceMs = undefined;
    for (const { publisher } of this.#outlets) publisher?.suspend(PULL_REASONS[failure.cause]);
    const waitMs = failure.cause === 'unauthorised' ? settings.unauthorisedRetryMs : Math.min(settings.retryFirstMs * 2 ** Math.min(this.#attempts, 16), settings.retryMaxMs);
    this.#retryAtMs = nowMs() + waitMs;
    this.session.entry.update({ state: 'PENDING' });
  }

  /** Nobody has seen anything of it yet: it ends with the error that whoever waits is told. */
  #giveUp(error: WcsError): void {
    this.session.log.warn('RTSP pull given up', { stream: this.uri, reason: error.message });
    this.#settle?.reject(error);
    this.#settle = undefined;
    for (const { publisher } of this.#outlets) publisher?.end(error.message);
    this.#outlets = [];
    this.session.close(error.message);
  }

  #lookForSilence(nowMs: number): void {
    const { settings } = this.#services;
    const heardMs = this.#lastPacketMs ?? this.#playingSinceMs ?? nowMs;
    if (this.#link?.transport === 'udp' && this.#lastPacketMs === undefined && nowMs - heardMs >= settings.udpSilenceMs) {
      this.session.log.info('RTP over UDP does not come through; TCP is tried', { stream: this.uri });
      this.#services.rememberTransport(this.uri, 'tcp');
      this.#hangUp();
      this.#dial();
    } else if (nowMs - heardMs >= settings.silenceTimeoutMs) {
      this.#hangUp();
      this.#failed({ cause: 'ended', detail: `nothing has come for ${settings.silenceTimeoutMs} ms` });
    }
  }

  #hangUp(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  #sayGoodbye(reason: string): void {
    this.#hangUp();
    for (const { publisher } of this.#outlets) publisher?.end(reason);
  }
}

/** What whoever asked is told: the words of the WCS tables. */
function failed({ cause, detail }: PullFailure): WcsError {
  return new WcsError('MEDIA_E_SOURCE_FAILED', PULL_REASONS[cause], { details: { cause, detail } });
}

/** Where a redirect leads; credentials go along to the same server only, and never from a protected connection to an open one. */
function redirected(from: RtspUrl, location: string): RtspUrl {
  const to = parseRtspUrl(location);
  const isSameServer = to.host.toLowerCase() === from.host.toLowerCase() && to.port === from.port && (to.secure || !from.secure);
  return to.credentials !== undefined || !isSameServer || from.credentials === undefined ? to : { ...to, credentials: from.credentials };
}
