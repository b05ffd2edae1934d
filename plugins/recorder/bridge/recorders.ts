import { shownStreamName, wantsRecording, WcsError, type PluginContext, type PluginSession, type Stream } from 'wcs-core';
import type { PartDesk } from '../server/part-desk.ts';
import type { RecorderSettings } from '../settings.ts';
import { newRecorderState, RECORDER_LABEL, StreamRecorder, type RecorderWish, type StreamRecorderState } from './stream-recorder.ts';

/** Every recording of one stream. */
export class Recorders {
  readonly #ctx: PluginContext<RecorderSettings>;
  readonly #desk: PartDesk;
  readonly #byStream = new Map<string, StreamRecorder>();

  constructor(ctx: PluginContext<RecorderSettings>, desk: PartDesk) {
    this.#ctx = ctx;
    this.#desk = desk;
  }

  get all(): readonly StreamRecorder[] {
    return [...this.#byStream.values()];
  }

  find(streamId: string): StreamRecorder | undefined {
    return this.#byStream.get(streamId);
  }

  bySession(session: PluginSession): StreamRecorder | undefined {
    return this.all.find((recorder) => recorder.session === session);
  }

  /** What the settings say about every stream. */
  get standardWish(): RecorderWish {
    const { nameTemplate, rotation } = this.#ctx.settings;
    return { template: nameTemplate, rotation, overwrite: false };
  }

  /**
   * Records a stream from its last key frame on; a recording of it that runs is ended first.
   *
   * @throws WcsError RECORD_E_LIMIT when there are as many recordings as there may be
   */
  start(stream: Stream, wish: RecorderWish): StreamRecorder {
    this.#byStream.get(stream.id)?.session.close('Another recording begins');
    const session = openRecorderSession(this.#ctx);
    const recorder = this.#hold(session, newRecorderState(stream, wish));
    try {
      recorder.read(stream, 'gop');
    } catch (error) {
      session.close('error');
      throw error;
    }
    return recorder;
  }

  /** Begins a recording when the publisher or the settings ask for it. */
  startIfWanted(stream: Stream): void {
    const isRecorded = stream.subscriptions.some(({ label }) => label === RECORDER_LABEL);
    if (isRecorded || !this.#isWanted(stream)) return;
    try {
      this.start(stream, this.standardWish);
    } catch (error) {
      this.#ctx.log.error(`Stream ${shownStreamName(stream.name)} is not recorded`, { err: error });
    }
  }

  /** Goes on with a recording of the version before. */
  adopt(session: PluginSession, state: StreamRecorderState): void {
    const recorder = this.#hold(session, state);
    const stream = this.#ctx.media.find(state.streamName);
    if (stream?.id === state.streamId) recorder.read(stream, 'live');
    else session.close('The stream has ended');
  }

  #isWanted({ name, meta }: Stream): boolean {
    const { onRequest, protocols, streams } = this.#ctx.settings;
    return (onRequest && wantsRecording(meta)) || protocols.includes(meta.protocol) || streams.some((pattern) => matches(pattern, name));
  }

  #hold(session: PluginSession, state: StreamRecorderState): StreamRecorder {
    const recorder = new StreamRecorder({ ctx: this.#ctx, desk: this.#desk, session }, state);
    this.#byStream.set(recorder.streamId, recorder);
    session.scope.add('recorder', () => {
      if (this.#byStream.get(recorder.streamId) === recorder) this.#byStream.delete(recorder.streamId);
    });
    return recorder;
  }
}

/** @throws WcsError RECORD_E_LIMIT when there are as many recordings as there may be */
export function openRecorderSession(ctx: PluginContext<RecorderSettings>): PluginSession {
  const { maxRecordings } = ctx.settings;
  if (ctx.sessions.all.size >= maxRecordings) throw new WcsError('RECORD_E_LIMIT', `${maxRecordings} recordings are running; more are not allowed (plugins.recorder.maxRecordings).`);
  return ctx.sessions.open({ protocol: 'recorder', kind: 'internal' });
}

/** `*` stands for any characters, also none. Linear in pattern and name: no expression that backtracks. */
function matches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return name === pattern;
  const last = rest.pop() ?? '';
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= name.length - last.length;
}
