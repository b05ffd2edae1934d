import { messageOf, WcsError, type PluginContext, type PluginSession, type SourceContext, type StreamSource } from 'wcs-core';
import { MediaFolder, type OpenFile } from '../server/media-folder.ts';
import type { CaptureRow, Captures, CaptureWish } from '../server/captures.ts';
import type { VodSettings } from '../settings.ts';
import { parseVodUri } from '../wire/vod-uri.ts';
import { FilePlayback, type PlaybackParts, type PlaybackPlan, type PlaybackState } from './playback.ts';

/** How long a copy of its own goes on without its reader. */
const PERSONAL_IDLE_MS = 2000;
const UNWANTED = 'Nobody reads the stream';

const nowMs = (): number => performance.now();

/** All files that are played by this version of the plugin. */
export class Playbacks implements Captures {
  readonly #ctx: PluginContext<VodSettings>;
  readonly #media = new MediaFolder();
  readonly #bySession = new Map<PluginSession, FilePlayback>();
  /** When the streams stop that come from the previous version in this very moment. */
  readonly #arriving = new Map<string, AbortSignal>();
  /** Files that are being opened. */
  #opening = 0;
  #late = 0;

  constructor(ctx: PluginContext<VodSettings>) {
    this.#ctx = ctx;
  }

  /** Times that the disk was too slow to keep the schedule. */
  get late(): number {
    return this.#late;
  }

  count(personal: boolean): number {
    let count = 0;
    for (const { plan } of this.#bySession.values()) if (plan.personal === personal) count += 1;
    return count;
  }

  /** The source of one of the two schemes. */
  source(scheme: 'vod' | 'vod-live'): StreamSource {
    const personal = scheme === 'vod';
    return {
      scheme,
      ...(personal ? { personal, idleMs: PERSONAL_IDLE_MS } : {}),
      start: (uri, context) => this.#startFor(uri, context),
      adopt: (_uri, { streamName, signal }) => this.#expect(streamName, signal),
    };
  }

  /** Lets the copies begin that wait for their readers. */
  watchReaders(): void {
    this.#ctx.media.on('subscribed', ({ stream }) => this.#byName(stream.name)?.onReader());
  }

  async startCapture({ uri, localStreamName, loop }: CaptureWish): Promise<CaptureRow> {
    const { live, file } = parseVodUri(uri);
    if (!live) throw new WcsError('OPERATION_E_INPUT', 'Only vod-live://FILE can be captured: a copy for one reader starts when that reader plays vod://FILE.');
    const streamName = localStreamName ?? uri;
    if (this.#ctx.media.find(streamName) !== undefined) throw new WcsError('MEDIA_E_NAME_IN_USE', `Stream name ${streamName} is already in use.`);
    const { settings } = this.#ctx;
    const playback = await this.#start({ uri, streamName, folder: settings.folder, file, loop: loop ?? settings.loop, personal: false, isCapture: true }, {});
    return rowOf(playback.session, playback.playback);
  }

  list(): readonly CaptureRow[] {
    return [...this.#bySession].map(([session, playback]) => rowOf(session, playback));
  }

  terminate(streamName: string): void {
    for (const [session, { plan }] of this.#bySession) if (plan.streamName === streamName) session.close('Stopped by rest /terminate');
  }

  exportSession(session: PluginSession): PlaybackState | undefined {
    return this.#bySession.get(session)?.exportState();
  }

  importSession(session: PluginSession, state: PlaybackState): void {
    const [publication] = session.publications;
    if (publication === undefined) throw new Error('A playback without its publication');
    const playback = FilePlayback.resume(this.#partsOf(session, publication), state);
    this.#remember(session, playback);
    publication.setCallbacks({ onTerminate: (reason) => session.close(reason), playback: state.plan.personal ? playback : undefined });
    const signal = this.#arriving.get(state.plan.streamName);
    this.#arriving.delete(state.plan.streamName);
    if (signal !== undefined) follow(session, signal);
    else if (!state.plan.isCapture) session.close(UNWANTED);
  }

  async #startFor(uri: string, { streamName, params, signal }: SourceContext): Promise<void> {
    const { live, file } = parseVodUri(uri);
    const { folder, loop } = this.#ctx.settings;
    const { session } = await this.#start({ uri, streamName, folder, file, loop: live && loop, personal: !live, isCapture: false }, params);
    follow(session, signal);
  }

  /** @throws WcsError MEDIA_E_FILE, MEDIA_E_BUSY, MEDIA_E_NAME_IN_USE */
  async #start(plan: PlaybackPlan, params: Readonly<Record<string, string>>): Promise<{ session: PluginSession; playback: FilePlayback }> {
    const { maxPlaybacks } = this.#ctx.settings;
    if (this.#bySession.size + this.#opening >= maxPlaybacks) throw new WcsError('MEDIA_E_BUSY', `${maxPlaybacks} files are played; raise plugins.vod.maxPlaybacks or try later.`);
    this.#opening += 1;
    try {
      const file = await this.#media.open(plan.folder, plan.file);
      return this.#publish(plan, params, file);
    } catch (error) {
      this.#ctx.log.info('A file is not played', { uri: plan.uri, reason: messageOf(error), ...(error instanceof WcsError ? error.details : {}) });
      throw error;
    } finally {
      this.#opening -= 1;
    }
  }

  #publish(plan: PlaybackPlan, params: Readonly<Record<string, string>>, file: OpenFile): { session: PluginSession; playback: FilePlayback } {
    let session: PluginSession | undefined;
    try {
      session = this.#ctx.sessions.open({ protocol: 'vod', kind: 'internal' });
      const opened = session;
      const meta = { plugin: 'vod', protocol: 'vod', sessionId: session.id, params };
      const publication = session.publish({ name: plan.streamName, owner: `vod:${session.id}`, meta });
      const playback = FilePlayback.begin(this.#partsOf(session, publication), plan, file);
      publication.setCallbacks({ onTerminate: (reason) => opened.close(reason), playback: plan.personal ? playback : undefined });
      this.#remember(session, playback);
      publication.setTracks(playback.descriptors);
      return { session, playback };
    } catch (error) {
      session?.close('error');
      this.#ctx.background(file.close());
      throw error;
    }
  }

  #partsOf(session: PluginSession, publication: PlaybackParts['publication']): PlaybackParts {
    return { session, publication, media: this.#media, nowMs, onLate: () => (this.#late += 1) };
  }

  #remember(session: PluginSession, playback: FilePlayback): void {
    this.#bySession.set(session, playback);
    session.scope.add('playback', () => void this.#bySession.delete(session));
    // A file that is played no more doesn't come back: nobody has to wait for it.
    session.onGoodbye = (reason) => session.publications.forEach((publication) => publication.end(reason));
  }

  #expect(streamName: string, signal: AbortSignal): void {
    this.#arriving.set(streamName, signal);
    signal.addEventListener('abort', () => this.#arriving.delete(streamName), { once: true });
  }

  #byName(streamName: string): FilePlayback | undefined {
    for (const playback of this.#bySession.values()) if (playback.plan.streamName === streamName) return playback;
    return undefined;
  }
}

/** Ends a playback when its stream isn't wanted any more. */
function follow(session: PluginSession, signal: AbortSignal): void {
  const stop = (): void => session.close(UNWANTED);
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
}

function rowOf(session: PluginSession, { plan, descriptors }: FilePlayback): CaptureRow {
  const has = (kind: string): boolean => descriptors.some((track) => track.kind === kind);
  return {
    localMediaSessionId: session.id,
    localStreamName: plan.streamName,
    uri: plan.uri,
    status: 'PROCESSED_LOCAL',
    hasAudio: has('audio'),
    hasVideo: has('video'),
    record: false,
    loop: plan.loop,
  };
}
