import { WcsError, type Held, type PluginContext, type Stream } from 'wcs-core';
import type { Player, PlayRequest, TrackStart } from '../server/media-port.ts';
import type { RtspSettings } from '../settings.ts';
import type { PacketFanout, PacketFanoutState, PacketVariant, PacketViewer } from './packet-fanout.ts';

/** Plain data of a `TcpPlayer`. */
export interface TcpPlayerState {
  readonly needsKeyFrame: boolean;
  readonly fanout: PacketFanoutState;
}

/** Finds the fan-out of a stream and a variant, or makes it. */
export type FanoutOf = (stream: Stream, variant: PacketVariant, state?: PacketFanoutState) => PacketFanout;

/** A reader whose packets go over its connection: a place in a fan-out. */
export class TcpPlayer implements Player {
  readonly datagramBytes = 0;
  readonly #fanout: PacketFanout;
  readonly #viewer: PacketViewer;
  readonly #lowLatency: boolean;
  readonly #held: Held;

  /**
   * @param state of a player of the previous version
   * @throws WcsError MEDIA_E_NOT_FOUND when the stream has ended
   */
  constructor(ctx: PluginContext<RtspSettings>, fanoutOf: FanoutOf, request: PlayRequest, state?: TcpPlayerState) {
    const { session, sink, name, params } = request;
    const stream = ctx.media.find(name);
    if (stream === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `Stream ${name} has ended.`);
    this.#fanout = fanoutOf(stream, variantOf(request), state?.fanout);
    this.#viewer = {
      write: (bytes) => sink.write(bytes),
      get backlogBytes() {
        return sink.backlogBytes;
      },
      onOverflow: () => sink.onOverflow(),
      onEnded: (reason) => sink.onEnded(reason),
    };
    this.#lowLatency = ctx.settings.lowLatency || params['lowLatency'] === '1' || params['lowLatency'] === 'true';
    this.#held = session.scope.add(`player of ${name}`, () => this.stop());
    if (state !== undefined) this.#fanout.join(this.#viewer, { lowLatency: this.#lowLatency, continues: state });
  }

  starts(startUs?: number): readonly TrackStart[] {
    return this.#fanout.starts(startUs);
  }

  start(): void {
    this.#fanout.join(this.#viewer, { lowLatency: this.#lowLatency });
  }

  rtcp(): void {
    // Nothing that a reader reports changes what goes over TCP; that it reports is its sign of life.
  }

  tick(): void {
    // The fan-out is looked after once for all its readers.
  }

  flush(): void {
    this.#fanout.flush();
  }

  stop(): void {
    this.#held.detach();
    this.#fanout.leave(this.#viewer);
  }

  exportState(): TcpPlayerState {
    const fanout = this.#fanout.exportState();
    return { needsKeyFrame: this.#fanout.needsKeyFrame(this.#viewer), fanout };
  }
}

function variantOf({ tracks, set }: PlayRequest): PacketVariant {
  return {
    tracks: set.flatMap(({ index, path }) => {
      const described = tracks[index];
      if (described === undefined || path.type !== 'interleaved') return [];
      const { track, payloadType } = described;
      return [{ index, track, trackId: track.id, payloadType, channel: path.channels[0], rtcpChannel: path.channels[1] }];
    }),
  };
}
