import { createHash, randomInt } from 'node:crypto';
import { waitForStream, WcsError, type FrameSink, type Playback, type PluginContext, type PluginSession, type Stream } from 'wcs-core';
import type { FindRequest, MediaPort, Player, PlayerPorts, PlayRequest, Publisher, PublishRequest } from '../server/media-port.ts';
import type { RtspSettings } from '../settings.ts';
import type { FoundStream } from '../session/session-state.ts';
import { describableTracks } from '../wire/sdp-write.ts';
import { RTSP_ACCEPT } from './acceptance.ts';
import { BusPublisher, type BusPublisherState } from './bus-publisher.ts';
import { PacketFanout, type PacketFanoutState, type PacketVariant } from './packet-fanout.ts';
import { TcpPlayer, type TcpPlayerState } from './tcp-player.ts';
import { UdpPlayer, type UdpPlayerState } from './udp-player.ts';

const SSRC_MAX = 0xffff_ffff;
const US_PER_S = 1_000_000;
const HOLDER: FrameSink = { onTracks: () => undefined, onEnd: () => undefined };
/** How long a stream that is there may take to tell its tracks. */
const TRACKS_WAIT_MS = 5000;

/** The server's media port on the media bus. */
export class BusPort implements MediaPort {
  readonly #ctx: PluginContext<RtspSettings>;
  readonly #ports: PlayerPorts;
  readonly #nowMs: () => number;
  readonly #fanouts = new Map<string, PacketFanout>();

  constructor(ctx: PluginContext<RtspSettings>, ports: PlayerPorts, nowMs: () => number) {
    this.#ctx = ctx;
    this.#ports = ports;
    this.#nowMs = nowMs;
  }

  async find({ session, name, params, signal }: FindRequest): Promise<Stream> {
    const { media, settings } = this.#ctx;
    const stream = await waitForStream(media, session.timers, { name, params, caller: session.entry.peer?.address, waitMs: settings.playWaitMs, signal });
    const letGo = this.hold(session, stream.name);
    try {
      await stream.ready(AbortSignal.any([signal, AbortSignal.timeout(TRACKS_WAIT_MS)]));
    } finally {
      // Held on by whoever has found it, before anybody sees that it was let go of.
      letGo();
    }
    return stream;
  }

  describe({ name, tracks, playback }: Stream): FoundStream {
    // What a description can't tell may still be there beside tracks that it can.
    const described = describableTracks(tracks.filter(({ kind, codec }) => RTSP_ACCEPT.some((accepted) => accepted.kind === kind && accepted.codecs.includes(codec))));
    if (playback === undefined) return { name, tracks: described };
    const { durationUs } = playback;
    return { name, tracks: described, file: { durationS: durationUs === undefined ? undefined : durationUs / US_PER_S } };
  }

  playbackOf(name: string): Playback | undefined {
    return this.#ctx.media.find(name)?.playback;
  }

  hold(session: PluginSession, name: string): () => void {
    const stream = this.#ctx.media.find(name);
    if (stream === undefined) return () => undefined;
    stream.playback?.pause();
    // Of what comes from a source, or is a copy of a file, nothing stays when nobody reads it; this reader takes nothing.
    const subscription = session.subscribe(stream, { plane: 'frames', accept: [], onMismatch: 'omit', from: 'live', label: 'rtsp player to come', sink: HOLDER });
    return () => subscription.close();
  }

  play(request: PlayRequest): Player {
    return isOverUdp(request) ? new UdpPlayer(this.#ctx, this.#ports, request) : new TcpPlayer(this.#ctx, this.#fanoutOf, request);
  }

  restorePlayer(request: PlayRequest, state: unknown): Player {
    // Written by `exportState` of a player; its shape is what the manifest's `handoff` number stands for.
    if (isOverUdp(request)) return new UdpPlayer(this.#ctx, this.#ports, request, state as UdpPlayerState);
    return new TcpPlayer(this.#ctx, this.#fanoutOf, request, state as TcpPlayerState);
  }

  publish(request: PublishRequest): Publisher {
    const { session, peer, name, params } = request;
    const meta = { plugin: 'rtsp', protocol: 'rtsp', sessionId: session.id, peer, params };
    const publication = session.publish({ name, owner: ownerOf(request), meta });
    return new BusPublisher(publication, randomInt(1, SSRC_MAX), request, this.#nowMs);
  }

  restorePublisher(request: PublishRequest, saved: unknown): Publisher {
    const state = saved as BusPublisherState;
    const [publication] = request.session.publications;
    if (publication === undefined) throw new Error(`The publication of ${request.name} was not handed over`);
    return new BusPublisher(publication, state.ssrc, request, this.#nowMs, state);
  }

  tick(nowMs: number): void {
    for (const fanout of this.#fanouts.values()) fanout.tick(nowMs);
  }

  readonly #fanoutOf = (stream: Stream, variant: PacketVariant, state?: PacketFanoutState): PacketFanout => {
    const key = JSON.stringify([stream.id, variant.tracks.map(({ trackId, payloadType, channel, rtcpChannel }) => [trackId, payloadType, channel, rtcpChannel])]);
    const running = this.#fanouts.get(key);
    if (running !== undefined) return running;
    const fanout: PacketFanout = new PacketFanout(this.#ctx, stream, variant, () => void this.#fanouts.delete(key), state);
    if (fanout.closed) throw new WcsError('MEDIA_E_NOT_FOUND', `Stream ${stream.name} is not what was described any more.`);
    this.#fanouts.set(key, fanout);
    return fanout;
  };
}

function isOverUdp({ set }: PlayRequest): boolean {
  return set.some(({ path }) => path.type === 'udp');
}

/**
 * Who may take a stream over while its publisher still looks alive: an encoder that reconnects from the same address with
 * the same name, parameters and user.
 */
function ownerOf({ peer, name, params, user }: PublishRequest): string {
  const facts = JSON.stringify([peer.address, name, user ?? '', Object.entries(params).sort()]);
  return `rtsp:${createHash('sha256').update(facts).digest('base64url')}`;
}
