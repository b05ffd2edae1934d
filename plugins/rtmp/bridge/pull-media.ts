import { parseStreamName, WcsError, type PluginContext, type Publication } from 'wcs-core';
import type { AmfValue } from 'wcs-core/formats/amf';
import type { MediaLink, RelayFacts, RelayHost, RelayMedia, RestoredMedia } from '../client/relay-media.ts';
import { ToBus, type ToBusState } from './to-bus.ts';

/** Plain data of a `PullMedia`. */
interface PullState {
  /** Place among the session's publications; undefined while the stream waits for a connection. */
  readonly index: number | undefined;
  readonly toBus: ToBusState | undefined;
  readonly flowing: boolean;
}

/** A stream of another server as a stream of ours: published with its first message, suspended while there is no connection. */
export class PullMedia implements RelayMedia {
  readonly #ctx: PluginContext;
  readonly #host: RelayHost;
  readonly #nowMs: () => number;
  #publication: Publication | undefined;
  #toBus: ToBus | undefined;
  #flowing = false;

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
    this.#flowing = state.flowing;
  }

  get facts(): RelayFacts {
    const stream = this.#ctx.media.find(this.#host.order.localName);
    const video = stream?.tracks.find(({ kind }) => kind === 'video');
    return { streamId: stream?.id, width: video?.width, height: video?.height };
  }

  prepare(): Promise<void> {
    const { localName } = this.#host.order;
    const taken = this.#ctx.media.find(parseStreamName(localName));
    if (taken?.state === 'live') throw new WcsError('MEDIA_E_NAME_IN_USE', `Stream name ${localName} is already in use.`);
    return Promise.resolve();
  }

  open(_link: MediaLink): void {
    // The stream begins with what comes: many servers say that it starts when there is none.
  }

  audio(timestampMs: number, body: Uint8Array): void {
    if (!this.#host.order.hasAudio) return;
    this.#published()?.audio(timestampMs, body);
    this.#flows();
  }

  video(timestampMs: number, body: Uint8Array): void {
    if (!this.#host.order.hasVideo) return;
    this.#published()?.video(timestampMs, body);
    this.#flows();
  }

  data(values: readonly AmfValue[]): void {
    const [name] = values;
    if (name === 'onMetaData' || name === '@setDataFrame') this.#published()?.data(values);
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
    return { index, toBus: this.#toBus?.exportState(), flowing: this.#flowing };
  }

  /** Publishes at the first message of a connection; undefined when somebody else has the name meanwhile. */
  #published(): ToBus | undefined {
    if (this.#toBus !== undefined) return this.#toBus;
    const { session, order } = this.#host;
    const peer = session.connections.at(-1);
    const meta = { plugin: 'rtmp', protocol: 'rtmp', sessionId: session.id, params: {}, ...(peer === undefined ? {} : { peer: { address: peer.remoteAddress, port: peer.remotePort } }) };
    this.#flowing = false;
    try {
      this.#publication = session.publish({ name: order.localName, owner: `rtmp pull ${session.id}`, meta, ...this.#callbacks() });
    } catch (error) {
      if (!(error instanceof WcsError)) throw error;
      this.#host.onBroken(error);
      return undefined;
    }
    return (this.#toBus = new ToBus(this.#publication, session.log, this.#nowMs));
  }

  /** Not before a message was read without fault: a start is answered with what the first one was. */
  #flows(): void {
    if (this.#flowing || this.#toBus === undefined) return;
    this.#flowing = true;
    this.#host.onFlowing();
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
