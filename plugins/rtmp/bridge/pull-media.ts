import type { PluginContext, Publication } from 'wcs-core';
import type { AmfValue } from 'wcs-core/formats/amf';
import type { MediaLink, RelayFacts, RelayHost, RelayMedia, RestoredMedia } from '../client/relay-media.ts';
import { ToBus, type ToBusState } from './to-bus.ts';

/** Plain data of a `PullMedia`. */
interface PullState {
  /** Place among the session's publications; undefined while the stream waits for a connection. */
  readonly index: number | undefined;
  readonly toBus: ToBusState | undefined;
}

/** A stream of another server as a stream of ours: published with its first message, suspended while there is no connection. */
export class PullMedia implements RelayMedia {
  readonly #ctx: PluginContext;
  readonly #host: RelayHost;
  readonly #nowMs: () => number;
  #publication: Publication | undefined;
  #toBus: ToBus | undefined;

  /** @param restored of a pull of the previous version */
  constructor(ctx: PluginContext, host: RelayHost, nowMs: () => number, restored?: RestoredMedia) {
    this.#ctx = ctx;
    this.#host = host;
    this.#nowMs = nowMs;
    // Written by `exportState` below; its shape is what the manifest's `handoff` number stands for.
    const state = restored?.state as PullState | undefined;
    if (state?.index === undefined) return;
    this.#publication = host.session.publications[state.index];
    if (this.#publication === undefined) throw new Error(`The publication of ${host.order.localName} was not handed over`);
    this.#publication.setCallbacks(this.#callbacks());
    this.#toBus = new ToBus(this.#publication, host.session.log, nowMs, state.toBus);
  }

  get facts(): RelayFacts {
    const stream = this.#ctx.media.find(this.#host.order.localName);
    const video = stream?.tracks.find(({ kind }) => kind === 'video');
    return { streamId: stream?.id, width: video?.width, height: video?.height };
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  open(_link: MediaLink): void {
    // The stream begins with what comes: many servers say that it starts when there is none.
  }

  audio(timestampMs: number, body: Uint8Array): void {
    if (this.#host.order.hasAudio) this.#begun()?.audio(timestampMs, body);
  }

  video(timestampMs: number, body: Uint8Array): void {
    if (this.#host.order.hasVideo) this.#begun()?.video(timestampMs, body);
  }

  data(values: readonly AmfValue[]): void {
    const [name] = values;
    if (name === 'onMetaData' || name === '@setDataFrame') this.#begun()?.data(values);
  }

  pause(reason: string): void {
    this.#publication?.suspend(reason);
    this.#publication = this.#toBus = undefined;
  }

  end(reason: string): void {
    this.#publication?.end(reason);
    this.#publication = this.#toBus = undefined;
  }

  exportState(): PullState {
    const { session } = this.#host;
    const index = this.#publication === undefined ? undefined : session.publications.indexOf(this.#publication);
    return { index, toBus: this.#toBus?.exportState() };
  }

  /** Publishes at the first message of a connection; undefined when that is refused, which ends the relay. */
  #begun(): ToBus | undefined {
    if (this.#toBus !== undefined) return this.#toBus;
    const { session, order } = this.#host;
    const { id, entry } = session;
    const peer = session.connections.at(-1);
    const meta = { plugin: 'rtmp', protocol: 'rtmp', sessionId: id, params: {}, ...(peer === undefined ? {} : { peer: { address: peer.remoteAddress, port: peer.remotePort } }) };
    this.#publication = session.publish({ name: order.localName, owner: `rtmp pull ${entry.id}`, meta, ...this.#callbacks() });
    this.#toBus = new ToBus(this.#publication, session.log, this.#nowMs);
    this.#host.onFlowing();
    return this.#toBus;
  }

  #callbacks(): { onTerminate(reason: string): void } {
    return {
      onTerminate: (reason) => {
        this.#publication = this.#toBus = undefined;
        this.#host.onOver(reason);
      },
    };
  }
}
