import { WcsError, type Acceptance, type MediaFrame, type PluginContext, type PluginSession, type Publication, type Stream, type Subscription, type TrackDescriptor } from 'wcs-core';

/** A stream that is made of another one; plain data, so that a newer version of the plugin goes on with it. */
export interface RepublishState {
  /** Set where an operator asked for it: `transcoder2://…`. */
  readonly uri: string | undefined;
  readonly sourceName: string;
  readonly localName: string;
  readonly accept: readonly Acceptance[];
  /** Ends when nobody has read it for so long; undefined: stays as long as its source. */
  readonly idleMs: number | undefined;
  readonly localMediaSessionId: string;
  readonly remoteMediaSessionId: string;
  /** What was asked for, as it is shown again. */
  readonly encoder: Readonly<Record<string, unknown>>;
}

const IDLE_CHECK_MS = 1000;

/** Publishes what a reader with some wishes would get of a stream, under another name. */
export class Republisher {
  readonly session: PluginSession;
  readonly #publication: Publication;
  readonly #subscription: Subscription;
  #state: RepublishState;
  #tracks: readonly TrackDescriptor[] = [];
  #idleSinceMs: number | undefined;

  /**
   * @param publication one that goes over from the version before
   * @throws WcsError when the name is taken, or the source has ended or can't be had like that
   */
  constructor(session: PluginSession, source: Stream, state: RepublishState, publication?: Publication) {
    this.session = session;
    this.#state = state;
    const { localName: name } = state;
    const { plugin, protocol } = { plugin: 'transcoder', protocol: 'transcoder' };
    const meta = { plugin, protocol, sessionId: session.id, params: {} };
    this.#publication = publication ?? session.publish({ name, owner: `transcoder of ${name}`, tracks: [], graceMs: 0, meta });
    this.#publication.setCallbacks({
      onKeyFrameRequest: () => this.#requestKeyFrame(source),
      onTerminate: (reason) => session.close(reason),
    });
    session.entry.update({ state: 'PROCESSED_LOCAL', role: 'publish', streamName: name, info: { source: state.sourceName } });
    session.onGoodbye = (reason) => this.#publication.end(reason);
    this.#subscription = this.#subscribe(source, publication !== undefined);
    if (state.idleMs !== undefined) session.timers.every(IDLE_CHECK_MS, () => this.#checkIdle(state.idleMs ?? 0));
  }

  get state(): RepublishState {
    return this.#state;
  }

  /**
   * Makes it in another way from now on, as the same stream.
   *
   * @throws WcsError when it can't be had like that, and changes nothing
   */
  change(accept: readonly Acceptance[], encoder: Readonly<Record<string, unknown>>): void {
    this.#subscription.setAccept(accept);
    this.#state = { ...this.#state, accept, encoder };
  }

  /** The stream that it makes. */
  get stream(): Stream {
    return this.#publication.stream;
  }

  #subscribe(source: Stream, continues: boolean): Subscription {
    const { accept } = this.#state;
    return this.session.subscribe(source, {
      plane: 'frames',
      accept,
      onMismatch: 'refuse',
      from: continues ? 'live' : 'gop',
      label: `transcoder of ${this.state.localName}`,
      sink: {
        onTracks: (tracks) => this.#onTracks(tracks, source),
        onFrame: (frame) => this.#onFrame(frame),
        onEnd: (reason) => {
          this.#publication.end(reason);
          this.session.close(reason);
        },
      },
    });
  }

  #onTracks(tracks: readonly TrackDescriptor[], source: Stream): void {
    const isOn = (kind: string, list: readonly TrackDescriptor[]): boolean => list.some((track) => track.kind === kind);
    // What the source still has is only about to be made in another way: readers keep the track meanwhile.
    if (this.#tracks.some(({ kind }) => isOn(kind, source.tracks) && !isOn(kind, tracks))) return;
    this.#tracks = tracks;
    this.#publication.setTracks(tracks.map(ownTrack));
  }

  #onFrame(frame: MediaFrame): void {
    const own = this.#publication.stream.tracks.find(({ kind }) => kind === frame.track.kind);
    if (own !== undefined) this.#publication.write({ ...frame, track: own });
  }

  #requestKeyFrame(source: Stream): void {
    const video = this.#tracks.find(({ kind }) => kind === 'video');
    if (video !== undefined) source.requestKeyFrame(video.id);
  }

  #checkIdle(idleMs: number): void {
    const nowMs = performance.now();
    if (this.stream.subscriberCount > 0) this.#idleSinceMs = undefined;
    else this.#idleSinceMs ??= nowMs;
    if (this.#idleSinceMs !== undefined && nowMs - this.#idleSinceMs > idleMs) this.session.close('Nobody reads the stream');
  }

  /** Goes on with what the version before made. @throws WcsError when its source is gone */
  static resume(ctx: PluginContext, session: PluginSession, state: RepublishState): Republisher {
    const source = ctx.media.find(state.sourceName);
    if (source === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `Stream ${state.sourceName} has ended.`);
    return new Republisher(session, source, state, session.publications[0]);
  }
}

/** A stream has one track of a kind here, so that its id is that kind, whatever it was made of. */
function ownTrack(track: TrackDescriptor): TrackDescriptor {
  return { ...track, id: track.kind };
}
