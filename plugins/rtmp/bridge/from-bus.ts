import type { PluginContext, Stream } from 'wcs-core';
import type { RtmpSettings } from '../server/settings.ts';
import { StreamFanout, type Viewer, type ViewerJoin } from './stream-fanout.ts';
import { variantKey, type Variant } from './variant.ts';

/** The fan-outs of this version of the plugin: one for each stream and variant that anybody plays. */
export class FromBus {
  readonly #ctx: PluginContext<RtmpSettings>;
  readonly #fanouts = new Map<string, StreamFanout>();

  constructor(ctx: PluginContext<RtmpSettings>) {
    this.#ctx = ctx;
  }

  /** Adds a viewer to a stream; the answer is where it stands. @throws WcsError MEDIA_E_NOT_FOUND when the stream has just ended */
  join(stream: Stream, variant: Variant, viewer: Viewer, how: ViewerJoin): StreamFanout {
    const key = `${stream.id} ${variantKey(variant)}`;
    let fanout = this.#fanouts.get(key);
    if (fanout === undefined) {
      fanout = new StreamFanout(this.#ctx, stream, variant, () => this.#fanouts.delete(key));
      this.#fanouts.set(key, fanout);
    }
    fanout.join(viewer, how);
    return fanout;
  }
}
