import type { Codec } from 'wcs-core';
import type { ChildPool } from 'wcs-core/process/child-pool';
import type { ChainEvent, ChainInput, JobSpec } from './chain-spec.ts';
import type { Chain, ChainSink, MediaProcessor } from './processor.ts';

/** FFmpeg as a library, in the children of a pool. */
export class NodeAvProcessor implements MediaProcessor {
  readonly name = 'node-av';
  readonly decoders: ReadonlySet<Codec>;
  readonly encoders: ReadonlySet<Codec>;
  readonly #pool: ChildPool;

  private constructor(pool: ChildPool, decoders: readonly Codec[], encoders: readonly Codec[]) {
    this.#pool = pool;
    this.decoders = new Set(decoders);
    this.encoders = new Set(encoders);
  }

  /** Asks a child what it can do. Rejects where node-av isn't installed, or doesn't load, with the reason. */
  static open(pool: ChildPool): Promise<NodeAvProcessor> {
    return new Promise((resolve, reject) => {
      const spec: JobSpec = { type: 'probe' };
      const job = pool.open(spec, {
        onPacket: () => undefined,
        onEvent: (event) => {
          // Written by the child module that belongs to this version.
          const told = event as ChainEvent;
          if (told.type === 'codecs') resolve(new NodeAvProcessor(pool, told.decoders, told.encoders));
          job.close();
        },
        onEnd: ({ reason }) => reject(new Error(reason)),
      });
    });
  }

  get cores(): number {
    return this.#pool.loads.reduce((sum, { cores }) => sum + cores, 0);
  }

  get processes(): number {
    return this.pids.length;
  }

  /** Process ids of the children, for those who look at them from outside. */
  get pids(): readonly number[] {
    return this.#pool.pids;
  }

  openChain(input: ChainInput, sink: ChainSink, alone: boolean): Chain {
    const spec: JobSpec = { type: 'chain', input };
    const job = this.#pool.open(spec, { onPacket: (packet) => sink.onPacket(packet), onEvent: (event) => tell(event as ChainEvent, sink), onEnd: (end) => sink.onEnd(end) }, { alone });
    return {
      get backlogBytes() {
        return job.backlogBytes;
      },
      addOutput: (port, output) => job.command({ type: 'addOutput', port, output }),
      removeOutput: (port) => job.command({ type: 'removeOutput', port }),
      setInput: (next) => job.command({ type: 'input', input: next }),
      push: (packet) => job.send(packet),
      requestKeyFrame: () => job.command({ type: 'keyFrame' }),
      close: () => job.close(),
    };
  }

  close(): void {
    this.#pool.close();
  }
}

function tell(event: ChainEvent, sink: ChainSink): void {
  if (event.type === 'format') sink.onFormat(event.port, event.format);
  else if (event.type === 'outputFailed') sink.onOutputFailed(event.port, event.reason);
  else if (event.type === 'trouble') sink.onTrouble?.(event.port, event.reason);
}
