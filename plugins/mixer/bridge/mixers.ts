import { WcsError, type PluginContext, type PluginSession, type Stream } from 'wcs-core';
import { ChildPool, MEDIA_CHILD_ENV } from 'wcs-core/process/child-pool';
import childModule from '../child/mixer.child.ts?text';
import type { InputOrder, MixerOrder } from '../server/mixer-order.ts';
import { MAX_PICTURE_BYTES, PictureFiles } from 'wcs-core/process/picture-files';
import { download } from '../client/download.ts';
import { LayoutFolders } from '../server/layout-folder.ts';
import { mixSettings, type MixerSettings } from '../settings.ts';
import { Mixer, type MixerServices, type MixerState } from './mixer.ts';
import { Pictures } from './pictures.ts';

/** `USER#ROOM`: a participant of a room. */
const PARTICIPANT = /^([^#]+)#([^#]+)$/;
const SWEEP_MS = 1000;
const SOURCE_TIMEOUT_MS = 10_000;
const PICTURE_TIMEOUT_MS = 5000;
/** Sound that waits so long for that of others is still in time: it waits for a tick of the mix, or two. */
const GATHER_MS = 5;

/** All mixers of the server. */
export class Mixers {
  readonly #ctx: PluginContext<MixerSettings>;
  readonly #byUri = new Map<string, Mixer>();
  readonly #services: MixerServices;

  constructor(ctx: PluginContext<MixerSettings>, nowMs: () => number) {
    this.#ctx = ctx;
    // A mixer has a process of its own, so that many of them use many cores.
    const pool = new ChildPool({ spawn: () => ctx.spawnModule(childModule, { env: MEDIA_CHILD_ENV }), timers: ctx.timers, owner: ctx.scope, log: ctx.log, maxChildren: 0, idleMs: 0, keepsSpare: true, gatherMs: GATHER_MS });
    ctx.scope.add('children of mixers', () => pool.close());
    const pictures = new Pictures(
      new PictureFiles(ctx.settings.picturesFolder),
      (url, caller) => download(url, { check: (place) => ctx.targets.check(place, caller), maxBytes: MAX_PICTURE_BYTES, timeoutMs: PICTURE_TIMEOUT_MS }),
      nowMs,
    );
    this.#services = { ctx, pool, pictures, layouts: new LayoutFolders(ctx.settings.layoutsFolder), nowMs, onClosed: (mixer) => this.#forget(mixer) };
  }

  /** Pictures that may be shown. */
  get pictures(): Pictures {
    return this.#services.pictures;
  }

  /** Layouts of one's own. */
  get layouts(): LayoutFolders {
    return this.#services.layouts;
  }

  get all(): readonly Mixer[] {
    return [...this.#byUri.values()];
  }

  /** Takes participants of rooms as they come, and ends mixers that nobody is in. */
  start(): void {
    this.#ctx.timers.every(SWEEP_MS, () => this.#sweep());
    if (this.#ctx.settings.autoStart) this.#ctx.media.whileServing('streamPublished', ({ stream }) => this.#onPublished(stream));
  }

  /** @throws WcsError MEDIA_E_NOT_FOUND */
  get(uri: string): Mixer {
    const mixer = this.#byUri.get(uri);
    if (mixer === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `No mixer ${uri}.`);
    return mixer;
  }

  /** @throws WcsError OPERATION_E_CONFLICT for a URI in use, MEDIA_E_NAME_IN_USE, NET_E_PORT_EXHAUSTED when there are too many */
  open(order: MixerOrder): Mixer {
    const { maxMixers } = this.#ctx.settings;
    if (this.#byUri.has(order.uri)) throw new WcsError('OPERATION_E_CONFLICT', `${order.uri} exists already.`);
    if (this.#byUri.size >= maxMixers) throw new WcsError('NET_E_PORT_EXHAUSTED', `${maxMixers} mixers are open; raise plugins.mixer.maxMixers or end one.`);
    const session = this.#ctx.sessions.open({ protocol: 'mixer', kind: 'internal' });
    try {
      return this.#remember(new Mixer(this.#services, session, order));
    } catch (error) {
      session.close('refused');
      throw error;
    }
  }

  /** Adds a stream, which is started where it is the address of a source. @throws WcsError MEDIA_E_NOT_FOUND, and what `Mixer.add` throws */
  async add(uri: string, order: InputOrder): Promise<void> {
    const mixer = this.get(uri);
    const stream = await this.#ctx.media.resolve(order.streamName, { caller: order.caller, signal: AbortSignal.timeout(SOURCE_TIMEOUT_MS) });
    if (mixer.session.closed) throw new WcsError('MEDIA_E_NOT_FOUND', `No mixer ${uri}.`);
    mixer.add(order, stream);
  }

  exportSession(session: PluginSession): MixerState | undefined {
    return this.all.find((mixer) => mixer.session === session)?.exportState();
  }

  importSession(session: PluginSession, state: MixerState): void {
    this.#remember(new Mixer(this.#services, session, state.order, state));
  }

  #remember(mixer: Mixer): Mixer {
    this.#byUri.set(mixer.order.uri, mixer);
    return mixer;
  }

  #forget(mixer: Mixer): void {
    if (this.#byUri.get(mixer.order.uri) === mixer) this.#byUri.delete(mixer.order.uri);
  }

  #sweep(): void {
    const nowMs = this.#services.nowMs();
    for (const mixer of this.all) if (mixer.idleMs(nowMs) >= this.#ctx.settings.idleMs) mixer.session.close('No inputs');
  }

  #onPublished(stream: Stream): void {
    const [, user = '', room = ''] = PARTICIPANT.exec(stream.name) ?? [];
    if (room === '') return;
    const uri = `mixer://${room}`;
    const settings = mixSettings.parse(this.#ctx.settings);
    try {
      const mixer = this.#byUri.get(uri) ?? this.open({ uri, streamName: room, hasVideo: true, hasAudio: true, settings, layout: { type: settings.layout }, isRoom: true });
      const ownStreamName = mixer.order.isRoom && (settings.mcuAudio || settings.mcuVideo) ? `${room}-${user}${room}` : undefined;
      mixer.add({ streamName: stream.name, hasVideo: true, hasAudio: true, gain: 1, videoMuted: false, ownStreamName }, stream);
    } catch (error) {
      if (!(error instanceof WcsError)) throw error;
      this.#ctx.log.warn('A participant could not be taken into a room', { stream: stream.name, reason: error.message });
    }
  }
}
