import { shownStreamName, type FrameSink, type PluginContext, type PluginSession, type Stream, type Subscription } from 'wcs-core';
import { plannedName } from '../server/part-desk.ts';
import type { PartOutput } from '../session/part.ts';
import { JointRecording, type JointRecordingState } from '../session/joint-recording.ts';
import type { PartEnd, PartFacts } from '../session/recording.ts';
import { nameOfUri, partPath } from '../wire/file-name.ts';
import type { RecorderSettings } from '../settings.ts';
import { OpenPart, reportDiskError, type OpenPartState } from './open-part.ts';
import { pieceLimits, subscriptionOf, type RecorderParts } from './stream-recorder.ts';

/** A recorder of several streams as plain data. */
export interface JointRecorderState {
  readonly type: 'joint';
  readonly uri: string;
  readonly container: RecorderSettings['multipleFormat'];
  readonly recording: JointRecordingState;
  readonly part: OpenPartState | undefined;
}

/** Several streams and their one file, as a session of the server itself. */
export class JointRecorder {
  readonly session: PluginSession;
  readonly uri: string;
  readonly #parts: RecorderParts;
  readonly #container: RecorderSettings['multipleFormat'];
  readonly #recording: JointRecording;
  readonly #readers = new Map<string, Subscription>();
  #part: OpenPart | undefined;
  #error: string | undefined;

  constructor(parts: RecorderParts, state: JointRecorderState) {
    const { ctx, desk, session } = parts;
    this.#parts = parts;
    this.session = session;
    this.uri = state.uri;
    this.#container = state.container;
    this.#part = state.part === undefined ? undefined : OpenPart.resume(desk, state.part, (error) => this.#onDiskError(error));
    const host = {
      openPart: (facts: PartFacts) => this.#openPart(facts),
      closePart: (_output: PartOutput, end: PartEnd) => this.#closePart(end),
      onLeftOut: ({ id, codec }: { readonly id: string; readonly codec: string }) => session.log.warn('a track cannot be recorded and is left out', { recording: this.uri, trackId: id, codec }),
    };
    this.#recording = new JointRecording(host, state.container, pieceLimits(ctx.settings), state.recording, this.#part?.file);
    session.onGoodbye = () => this.#recording.end();
    session.scope.add('file of the recording', () => this.#part?.file.abandon());
    session.entry.update({ state: 'RECORDING', role: 'play', info: { uri: this.uri, file: this.fileName }, bytesIn: () => 0, bytesOut: () => 0 });
  }

  /** Below the folder of recordings. */
  get fileName(): string {
    return this.#part === undefined ? partPath(nameOfUri(this.uri), undefined, this.#container) : plannedName(this.#part.ticket);
  }

  /** Ids of the streams that are recorded. */
  get streamIds(): readonly string[] {
    return this.#recording.sources;
  }

  /** From its next key frame on. */
  add(stream: Stream): void {
    this.#recording.add(stream.id, shownStreamName(stream.name));
    this.#read(stream, 'key');
  }

  remove(streamId: string): void {
    this.#readers.get(streamId)?.close();
    this.#readers.delete(streamId);
    this.#recording.remove(streamId);
  }

  /** Goes on with the streams of another version. */
  readAll(media: PluginContext['media']): void {
    const streams = new Map(media.streams().map((stream) => [stream.id, stream]));
    for (const id of this.streamIds) {
      const stream = streams.get(id);
      if (stream === undefined) this.remove(id);
      else this.#read(stream, 'live');
    }
  }

  /** Undefined while the file is being made. */
  exportState(): JointRecorderState | undefined {
    const part = this.#part?.exportState();
    if (this.#part !== undefined && part === undefined) return undefined;
    return { type: 'joint', uri: this.uri, container: this.#container, recording: this.#recording.exportState(), part };
  }

  #read(stream: Stream, from: 'key' | 'live'): void {
    const { id } = stream;
    const sink: FrameSink = {
      onTracks: (tracks) => this.#recording.setTracks(id, tracks),
      onFrame: (frame) => this.#recording.push(id, frame),
      onEnd: (reason) => {
        if (stream.state !== 'ended') this.session.log.error(`a stream is no longer recorded: ${reason}`, { recording: this.uri, stream: shownStreamName(stream.name) });
        this.remove(id);
      },
      backlogBytes: () => this.backlogBytes,
    };
    this.#readers.set(id, this.session.subscribe(stream, { ...subscriptionOf(this.#parts.ctx.settings), from, sink }));
  }

  /** Bytes that wait for the disk. */
  get backlogBytes(): number {
    return this.#part?.file.backlogBytes ?? 0;
  }

  #openPart(facts: PartFacts): PartOutput {
    const publisher = { streamName: this.uri, mediaSessionId: '', sessionId: '', login: '' };
    this.#part = OpenPart.begin(this.#parts.desk, facts, publisher, { template: nameOfUri(this.uri), overwrite: false }, (error) => this.#onDiskError(error));
    return this.#part.file;
  }

  #closePart({ durationUs }: PartEnd): void {
    const part = this.#part;
    this.#part = undefined;
    part?.close(durationUs, undefined, this.#error);
  }

  #onDiskError(error: unknown): void {
    this.#error = reportDiskError(this.session.log, this.#parts.desk.store, error);
    this.session.close('The disk refused the recording');
  }
}
