import { networkInterfaces } from 'node:os';
import { messageOf, parseStreamName, WcsError, type PluginContext, type PluginSession } from 'wcs-core';
import { Ingest, type IngestFacts, type IngestState, type SinkMaker, type Transport } from './ingest.ts';
import type { MpegTsSettings } from './settings.ts';
import { SrtListener, SrtSupport } from './srt-listener.ts';
import { UdpPorts } from './udp-ports.ts';

/** Name under which the versions of this plugin tell each other which ports are open. */
export const OPEN_PORTS = 'mpegts-ports';

/** What a version that comes asks of the one that serves. */
export interface OpenPorts {
  list(): readonly number[];
}

/** What is asked for. */
export interface IngestWish {
  readonly localStreamName: string;
  readonly transport: Transport;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  /** Absent: the setting. */
  readonly allowedList?: readonly string[] | undefined;
}

const TICK_MS = 1000;
const TIMED_OUT = 'Failed by RTP activity';

/** Every MPEG-TS ingest of the server. */
export class MpegTsServer implements OpenPorts {
  readonly #ctx: PluginContext<MpegTsSettings>;
  readonly #makeSink: SinkMaker;
  readonly #nowMs: () => number;
  readonly #ports: UdpPorts;
  readonly #srt: SrtSupport;
  readonly #ingests = new Map<PluginSession, Ingest>();
  /** Names whose ingest is on its way. */
  readonly #starting = new Set<string>();

  /** @param nowMs monotonic clock in milliseconds */
  constructor(ctx: PluginContext<MpegTsSettings>, makeSink: SinkMaker, nowMs: () => number) {
    this.#ctx = ctx;
    this.#makeSink = makeSink;
    this.#nowMs = nowMs;
    this.#ports = new UdpPorts(ctx, ctx.settings.host);
    this.#srt = new SrtSupport(ctx, ctx.settings.ffmpegPath);
  }

  get ingests(): readonly Ingest[] {
    return [...this.#ingests.values()];
  }

  /** Opens the ports of the version before, whose ingests come here at the switch. */
  async prepare(): Promise<void> {
    const { capabilities } = this.#ctx;
    if (!capabilities.has(OPEN_PORTS)) return;
    for (const port of capabilities.get<OpenPorts>(OPEN_PORTS).list()) await this.#ports.hold(port);
  }

  start(): void {
    this.#ctx.timers.every(TICK_MS, () => this.#tick());
    // By then all ingests that come have come.
    this.#ctx.timers.after(TICK_MS, () => this.#ports.closeUnused());
  }

  list(): readonly number[] {
    return this.ingests.filter(({ facts }) => facts.transport === 'udp').map(({ facts }) => facts.port);
  }

  /**
   * Opens a port and publishes what comes to it.
   *
   * @throws WcsError ACCESS_E_REFUSED, MEDIA_E_NAME_INVALID, MEDIA_E_NAME_IN_USE, MEDIA_E_BUSY, MEDIA_E_PROCESSING without SRT, NET_E_PORT_EXHAUSTED
   */
  async open(wish: IngestWish, caller: string | undefined): Promise<Ingest> {
    const { settings } = this.#ctx;
    if (!wish.hasAudio && !wish.hasVideo) throw new WcsError('OPERATION_E_INPUT', 'One of hasAudio and hasVideo must be true.');
    const streamName = await this.#authorise(parseStreamName(wish.localStreamName), caller);
    const isTaken = this.#starting.has(streamName) || this.#ctx.media.find(streamName) !== undefined || this.ingests.some(({ facts }) => facts.streamName === streamName);
    if (isTaken) throw new WcsError('MEDIA_E_NAME_IN_USE', `Stream ${streamName} is published already.`);
    if (this.#ingests.size + this.#starting.size >= settings.maxIngests) throw new WcsError('MEDIA_E_BUSY', `${settings.maxIngests} ingests are open; plugins.mpegts.maxIngests allows no more.`);
    const allowedList = wish.allowedList ?? settings.allowedList;
    this.#starting.add(streamName);
    try {
      const { transport, hasAudio, hasVideo } = wish;
      const facts = { streamName, transport, hasAudio, hasVideo, allowedList };
      return await (transport === 'udp' ? this.#openUdp(facts) : this.#openSrt(facts));
    } finally {
      this.#starting.delete(streamName);
    }
  }

  exportSession(session: PluginSession): IngestState | undefined {
    const ingest = this.#ingests.get(session);
    // The process that receives SRT ends with the version that started it.
    return ingest?.facts.transport === 'udp' ? ingest.exportState() : undefined;
  }

  /** @throws WcsError INTERNAL_E_FAULT when the port isn't held, or the publication is gone */
  importSession(session: PluginSession, state: IngestState): void {
    const [publication] = session.publications;
    if (publication === undefined) throw new WcsError('INTERNAL_E_FAULT', `Ingest ${state.facts.streamName} has no publication.`);
    this.#receive(session, state.facts, state);
  }

  async #openUdp(asked: Omit<IngestFacts, 'port' | 'uri'>): Promise<Ingest> {
    const port = await this.#ports.take();
    try {
      const session = this.#ctx.sessions.open({ protocol: 'mpegts', kind: 'client' });
      return this.#receive(session, { ...asked, port, uri: `udp://${this.#publicHost()}:${port}` });
    } catch (error) {
      this.#ports.close(port);
      throw error;
    }
  }

  async #openSrt(asked: Omit<IngestFacts, 'port' | 'uri'>): Promise<Ingest> {
    if (asked.allowedList.length > 0) throw new WcsError('OPERATION_E_INPUT', 'allowedList cannot be kept for SRT, whose callers ffmpeg accepts; leave it empty.');
    await this.#srt.require();
    const session = this.#ctx.sessions.open({ protocol: 'mpegts', kind: 'client' });
    try {
      const { port } = this.#ctx.ports.single('media', session.scope);
      const ingest = this.#ingest(session, { ...asked, port, uri: `srt://${this.#publicHost()}:${port}` }, undefined, undefined);
      const { host = '0.0.0.0', ffmpegPath } = this.#ctx.settings;
      new SrtListener({ ctx: this.#ctx, session, program: ffmpegPath }, { host, port }, (data) => ingest.push(data)).start();
      return ingest;
    } catch (error) {
      session.close(messageOf(error));
      throw error;
    }
  }

  /** Begins or goes on with an ingest over UDP, from here on in one synchronous step. */
  #receive(session: PluginSession, facts: IngestFacts, state?: IngestState): Ingest {
    const port = this.#ports.attach(facts.port, (data, from) => ingest.datagram(data, from));
    const ingest = this.#ingest(session, facts, state, (sender) => port.pin(sender.address, sender.port));
    session.scope.add('UDP port', () => port.close());
    if (state?.sender !== undefined) port.pin(state.sender.address, state.sender.port);
    return ingest;
  }

  #ingest(session: PluginSession, facts: IngestFacts, state: IngestState | undefined, onSender: ((sender: { readonly address: string; readonly port: number }) => void) | undefined): Ingest {
    const { streamName } = facts;
    const meta = { plugin: 'mpegts', protocol: 'mpegts', sessionId: session.id, params: {} };
    const publication = session.publications[0] ?? session.publish({ name: streamName, owner: `mpegts:${session.id}`, tracks: [], meta });
    publication.setCallbacks({ onTerminate: (reason) => session.close(reason) });
    const sink = this.#makeSink(publication, facts, state?.sink);
    const { senderSilenceMs } = this.#ctx.settings;
    const ingest = new Ingest(facts, { session, publication, sink, senderSilenceMs, nowMs: this.#nowMs, ...(onSender === undefined ? {} : { onSender }) }, state);
    this.#ingests.set(session, ingest);
    session.scope.add('ingest', () => void this.#ingests.delete(session));
    session.onGoodbye = (reason) => publication.end(reason);
    return ingest;
  }

  async #authorise(streamName: string, caller: string | undefined): Promise<string> {
    const peer = { address: caller ?? '127.0.0.1', port: 0 };
    const decision = await this.#ctx.access.authorise({ action: 'publish', protocol: 'mpegts', streamName, params: {}, peer, sessionId: '' });
    if (!decision.allowed) throw new WcsError('ACCESS_E_REFUSED', decision.reason);
    return decision.streamName ?? streamName;
  }

  #tick(): void {
    for (const ingest of this.ingests) if (ingest.silentMs >= this.#ctx.settings.timeoutMs) ingest.session.close(TIMED_OUT);
  }

  #publicHost(): string {
    const { advertisedHost, host } = this.#ctx.settings;
    if (advertisedHost !== undefined) return advertisedHost;
    if (host !== undefined && host !== '0.0.0.0' && host !== '::') return host;
    const outside = Object.values(networkInterfaces()).flatMap((list) => list ?? []).find(({ internal, family }) => !internal && family === 'IPv4');
    return outside?.address ?? '127.0.0.1';
  }
}
