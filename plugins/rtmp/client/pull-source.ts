import { WcsError, type PluginContext } from 'wcs-core';
import type { RtmpSettings } from '../server/settings.ts';
import type { Pull, Relays } from './relays.ts';

type StreamSource = Parameters<PluginContext['media']['registerSource']>[0];
type SourceContext = Parameters<StreamSource['start']>[1];

const UNWANTED = 'Nobody reads the stream';

/** Plays `rtmp://` and `rtmps://` addresses as streams: pulled when the first reader asks, until the last has gone. */
export class PullSource {
  readonly #relays: Relays;
  /** Tells when a stream is not wanted any more, by address. */
  readonly #signals = new Map<string, AbortSignal>();

  constructor(relays: Relays) {
    this.#relays = relays;
  }

  register(ctx: PluginContext<RtmpSettings>): void {
    for (const scheme of ['rtmp', 'rtmps']) {
      ctx.media.registerSource({ scheme, start: (uri, context) => this.#start(uri, context), adopt: (uri, context) => this.#watch(uri, context.signal) });
    }
  }

  /** Goes on with a pull of the previous version, unless nobody wants it any more. */
  adopt(pull: Pull | undefined): void {
    if (pull !== undefined && !pull.order.lasting && !this.#signals.has(pull.order.localName)) pull.end(UNWANTED);
  }

  async #start(uri: string, { caller, signal }: SourceContext): Promise<void> {
    this.#watch(uri, signal);
    await this.#relays.pull({ uri, localStreamName: uri, hasAudio: true, hasVideo: true, record: false, lasting: false, caller });
    if (signal.aborted) throw new WcsError('MEDIA_E_NOT_FOUND', UNWANTED);
  }

  /** Ends what is pulled for readers, also where it is handed over only later. */
  #watch(uri: string, signal: AbortSignal): void {
    this.#signals.set(uri, signal);
    const stop = (): void => {
      if (this.#signals.get(uri) === signal) this.#signals.delete(uri);
      for (const pull of this.#relays.pulls) if (!pull.order.lasting && pull.order.localName === uri) pull.end(UNWANTED);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  }
}
