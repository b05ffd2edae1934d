import { WcsError, type PluginContext, type PluginSession } from 'wcs-core';
import { z } from 'zod';
import type { PartDesk } from '../server/part-desk.ts';
import { JointRecording } from '../session/joint-recording.ts';
import type { RecorderSettings } from '../settings.ts';
import { JointRecorder, type JointRecorderState } from './joint-recorder.ts';
import { streamOf } from './operations.ts';
import { openRecorderSession } from './recorders.ts';

const URI = z.string().max(200).regex(/^multi-recorder:\/\/[^\s\\]+$/, 'of the form multi-recorder://ID');
const byUri = z.object({ uri: URI });
const byMember = byUri.extend({ mediaSessionId: z.string() });

/** Every recording of several streams in one file, by its URI. */
export class JointRecorders {
  readonly #ctx: PluginContext<RecorderSettings>;
  readonly #desk: PartDesk;
  readonly #byUri = new Map<string, JointRecorder>();

  constructor(ctx: PluginContext<RecorderSettings>, desk: PartDesk) {
    this.#ctx = ctx;
    this.#desk = desk;
  }

  get all(): readonly JointRecorder[] {
    return [...this.#byUri.values()];
  }

  bySession(session: PluginSession): JointRecorder | undefined {
    return this.all.find((recorder) => recorder.session === session);
  }

  /** @throws WcsError OPERATION_E_CONFLICT for a URI that is in use, RECORD_E_LIMIT */
  start(uri: string): void {
    if (this.#byUri.has(uri)) throw new WcsError('OPERATION_E_CONFLICT', `${uri} is recording already.`);
    const session = openRecorderSession(this.#ctx);
    this.#hold(session, { type: 'joint', uri, container: this.#ctx.settings.multipleFormat, recording: JointRecording.fresh, part: undefined });
  }

  /** Goes on with a recording of the version before. */
  adopt(session: PluginSession, state: JointRecorderState): void {
    this.#hold(session, state).readAll(this.#ctx.media);
  }

  /** Registers `multipleRecorder.*`. @see wcs-rest-api.md section 9 */
  registerOperations(): void {
    const { operations } = this.#ctx;
    const cli = { positional: ['uri', 'mediaSessionId'] };
    operations.register({ name: 'multipleRecorder.startup', summary: 'Begin a recording of several streams in one file', role: 'admin', input: byUri, cli, handler: ({ uri }) => this.start(uri) });
    operations.register({ name: 'multipleRecorder.add', summary: 'Record a stream there as well', role: 'admin', input: byMember, cli, handler: ({ uri, mediaSessionId }) => this.#add(uri, mediaSessionId) });
    operations.register({
      name: 'multipleRecorder.remove',
      summary: 'Record a stream there no longer',
      role: 'admin',
      input: byMember,
      cli,
      handler: ({ uri, mediaSessionId }) => {
        const recorder = this.#find(uri);
        if (!recorder.streamIds.includes(mediaSessionId)) throw new WcsError('MEDIA_E_NOT_FOUND', `${uri} does not record media session ${mediaSessionId}.`);
        recorder.remove(mediaSessionId);
      },
    });
    operations.register({
      name: 'multipleRecorder.find_all',
      summary: 'Recordings of several streams in one file; 404 when there are none',
      role: 'viewer',
      input: z.object({}),
      handler: () => {
        if (this.#byUri.size === 0) throw new WcsError('MEDIA_E_NOT_FOUND', 'No recording of several streams is running.');
        return this.all.map(({ uri, fileName, streamIds }) => ({ uri, fileName, mediaSessionsId: streamIds }));
      },
    });
    operations.register({ name: 'multipleRecorder.terminate', summary: 'Complete the file', role: 'admin', input: byUri, cli, handler: ({ uri }) => this.#find(uri).session.close('Stopped by rest /terminate') });
  }

  #add(uri: string, mediaSessionId: string): void {
    const recorder = this.#find(uri);
    const stream = streamOf(this.#ctx, mediaSessionId);
    if (recorder.streamIds.includes(mediaSessionId)) throw new WcsError('OPERATION_E_CONFLICT', `${uri} records media session ${mediaSessionId} already.`);
    recorder.add(stream);
  }

  #find(uri: string): JointRecorder {
    const recorder = this.#byUri.get(uri);
    if (recorder === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `${uri} is not recording.`);
    return recorder;
  }

  #hold(session: PluginSession, state: JointRecorderState): JointRecorder {
    const recorder = new JointRecorder({ ctx: this.#ctx, desk: this.#desk, session }, state);
    this.#byUri.set(recorder.uri, recorder);
    session.scope.add('recorder', () => {
      if (this.#byUri.get(recorder.uri) === recorder) this.#byUri.delete(recorder.uri);
    });
    return recorder;
  }
}
