import { RtpFanout } from './rtp-fanout.ts';
import type { RtpFanoutRuntime } from './rtp-fanout/runtime.ts';
import type { Stream } from './stream.ts';

/** The RTP fan-outs of the server, one per stream that has RTP viewers. */
export class RtpFanouts {
  readonly #runtime: RtpFanoutRuntime;
  readonly #fanouts = new Map<Stream, RtpFanout>();

  constructor(runtime: RtpFanoutRuntime) {
    this.#runtime = runtime;
  }

  /** Fan-outs that have, or just had, viewers. */
  get size(): number {
    return this.#fanouts.size;
  }

  /** The fan-out of a stream; ask for it again for each viewer, since one without viewers goes. */
  of(stream: Stream): RtpFanout {
    const running = this.#fanouts.get(stream);
    if (running !== undefined) return running;
    const fanout: RtpFanout = new RtpFanout(stream, this.#runtime, () => void this.#fanouts.delete(stream));
    this.#fanouts.set(stream, fanout);
    return fanout;
  }
}
