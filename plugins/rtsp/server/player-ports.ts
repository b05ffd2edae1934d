import type { PluginContext, PluginSession, RtpPortPair } from 'wcs-core';
import type { PlayerPorts } from './media-port.ts';

/** Takes the RTCP that comes from one reader's port. */
export type OnReaderRtcp = (compound: Uint8Array) => void;

/**
 * The one pair of ports that all readers over UDP are served through: what goes to many leaves in few system calls, and
 * readers use up no ports. A session of its own holds it, so that it moves to the next version before any reader does.
 */
export class SharedPlayerPorts implements PlayerPorts {
  readonly #ctx: PluginContext;
  readonly #readers = new Map<string, OnReaderRtcp>();
  #session: PluginSession | undefined;
  #pair: RtpPortPair | undefined;
  #opening: Promise<RtpPortPair> | undefined;

  constructor(ctx: PluginContext) {
    this.#ctx = ctx;
  }

  get pair(): RtpPortPair | undefined {
    return this.#pair;
  }

  /** Opens the session that will hold the pair, before any reader's. */
  start(): void {
    if (this.#session !== undefined) return;
    this.#session = this.#ctx.sessions.open({ protocol: 'rtsp', kind: 'internal' });
    this.#describe();
  }

  isOwn(session: PluginSession): boolean {
    return session === this.#session;
  }

  /** Goes on with the ports of the previous version. */
  adopt(session: PluginSession): void {
    const own = this.#session;
    this.#session = session;
    own?.close('The ports of the previous version are used');
    const [pair] = session.rtpPairs;
    if (pair !== undefined) this.#attach(session, pair);
    this.#describe();
  }

  /** The pair, bound when it is first asked for. @throws WcsError as `ctx.rtp.openPair` */
  async open(): Promise<RtpPortPair> {
    if (this.#pair !== undefined) return this.#pair;
    this.#opening ??= this.#bind().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  /** Gives a reader the RTCP from its port; the answer ends that. */
  listen(address: string, rtcpPort: number, onRtcp: OnReaderRtcp): () => void {
    const key = keyOf(address, rtcpPort);
    this.#readers.set(key, onRtcp);
    return () => {
      if (this.#readers.get(key) === onRtcp) this.#readers.delete(key);
    };
  }

  async #bind(): Promise<RtpPortPair> {
    const pair = await this.#ctx.rtp.openPair();
    const session = this.#session;
    if (session === undefined || session.closed) throw new Error('The ports of readers were asked for before the plugin serves');
    this.#attach(session, pair);
    this.#describe();
    return pair;
  }

  #attach(session: PluginSession, pair: RtpPortPair): void {
    this.#pair = pair;
    session.attach(pair, {
      // Readers send nothing but reports.
      onRtp: () => undefined,
      onRtcp: (data, { address, port }) => this.#readers.get(keyOf(address, port))?.(data),
    });
  }

  #describe(): void {
    const pair = this.#pair;
    const info = pair === undefined ? {} : { rtpPort: pair.rtp.port, rtcpPort: pair.rtcp.port };
    this.#session?.entry.update({ state: 'ESTABLISHED', role: 'control', info: { what: 'ports of readers over UDP', ...info } });
  }
}

function keyOf(address: string, port: number): string {
  return `${address} ${port}`;
}
