import { shownStreamName, type FrameSink, type PluginContext, type PluginSession, type Stream } from 'wcs-core';
import { plannedName, type PartDesk } from '../server/part-desk.ts';
import { Recording, type PartEnd, type PartFacts, type RecordingState } from '../session/recording.ts';
import type { PartOutput, PieceLimits } from '../session/part.ts';
import type { RecorderSettings } from '../settings.ts';
import { namesParts } from '../wire/file-name.ts';
import type { Rotation } from '../wire/rotation.ts';
import { OpenPart, reportDiskError, type NamingWish, type OpenPartState, type PublisherFacts } from './open-part.ts';

/** How one stream is recorded. */
export interface RecorderWish extends NamingWish {
  readonly rotation: Rotation | undefined;
}

/** A recorder as plain data. */
export interface StreamRecorderState {
  readonly type: 'stream';
  readonly streamName: string;
  readonly streamId: string;
  readonly publisher: PublisherFacts;
  readonly wish: RecorderWish;
  readonly recording: RecordingState;
  readonly part: OpenPartState | undefined;
}

/** What a recorder is made with. */
export interface RecorderParts {
  readonly ctx: PluginContext<RecorderSettings>;
  readonly desk: PartDesk;
  readonly session: PluginSession;
}

/** Names the readers that record, in lists; also how another version of the plugin knows that a stream is recorded. */
export const RECORDER_LABEL = 'recorder';
/** A disk that is slow for longer than this loses pictures of the recording; for as long again, the recording. */
const MAX_BACKLOG_MS = 10_000;
/** A piece of a stream of any bit rate. */
const PIECE_MAX_BYTES = 4 * 1024 * 1024;

/** Limits of a piece by the settings. */
export function pieceLimits({ pieceMs }: RecorderSettings): PieceLimits {
  return { pieceUs: pieceMs * 1000, pieceBytes: PIECE_MAX_BYTES };
}

/** What a recording asks of the bus: everything as it is, and drops by the bus's rules where the disk is too slow. */
export function subscriptionOf({ maxBacklogBytes }: RecorderSettings) {
  return { plane: 'frames', label: RECORDER_LABEL, limits: { maxBacklogBytes, maxBacklogMs: MAX_BACKLOG_MS, disconnectAfterMs: MAX_BACKLOG_MS } } as const;
}

/** One stream and its files, as a session of the server itself. */
export class StreamRecorder {
  readonly session: PluginSession;
  readonly streamName: string;
  readonly streamId: string;
  readonly #parts: RecorderParts;
  readonly #publisher: PublisherFacts;
  readonly #wish: RecorderWish;
  readonly #recording: Recording;
  #part: OpenPart | undefined;
  #error: string | undefined;

  constructor(parts: RecorderParts, state: StreamRecorderState) {
    const { ctx, desk, session } = parts;
    this.#parts = parts;
    this.session = session;
    this.streamName = state.streamName;
    this.streamId = state.streamId;
    this.#publisher = state.publisher;
    this.#wish = state.wish;
    this.#part = state.part === undefined ? undefined : OpenPart.resume(desk, state.part, (error) => this.#onDiskError(error));
    const { settings } = ctx;
    const host = {
      openPart: (facts: PartFacts) => this.#openPart(facts),
      closePart: (_output: PartOutput, end: PartEnd) => this.#closePart(end),
      onLeftOut: ({ id, codec }: { readonly id: string; readonly codec: string }) => session.log.warn('a track cannot be recorded and is left out', { stream: state.publisher.streamName, trackId: id, codec }),
    };
    this.#recording = new Recording(host, { byCodec: settings.formats, rotation: state.wish.rotation, limits: pieceLimits(settings) }, state.recording, this.#part?.file);
    session.onGoodbye = () => this.#recording.end();
    // Whoever has the file by then: after a move the next version, after a goodbye nobody.
    session.scope.add('file of the recording', () => this.#part?.file.abandon());
    session.entry.update({ state: 'RECORDING', role: 'play', streamName: this.streamName, bytesIn: () => 0, bytesOut: () => 0 });
  }

  /** Name of the file that is written, below the folder of recordings; undefined before the first key frame. */
  get fileName(): string | undefined {
    return this.#part === undefined ? undefined : plannedName(this.#part.ticket);
  }

  /** Reads the stream; `gop` begins with the cached frames, `live` goes on where another version stopped. */
  read(stream: Stream, from: 'gop' | 'live'): void {
    const recording = this.#recording;
    const sink: FrameSink = {
      onTracks: (tracks) => recording.setTracks(tracks),
      onFrame: (frame) => recording.push(frame),
      onSuspend: () => recording.pause(),
      onEnd: (reason) => this.#onEnd(stream, reason),
      backlogBytes: () => this.backlogBytes,
    };
    this.session.subscribe(stream, { ...subscriptionOf(this.#parts.ctx.settings), from, sink });
  }

  /** Undefined while a file is being made. */
  exportState(): StreamRecorderState | undefined {
    const part = this.#part?.exportState();
    if (this.#part !== undefined && part === undefined) return undefined;
    const { streamName, streamId } = this;
    return { type: 'stream', streamName, streamId, publisher: this.#publisher, wish: this.#wish, recording: this.#recording.exportState(), part };
  }

  /** Bytes that wait for the disk. */
  get backlogBytes(): number {
    return this.#part?.file.backlogBytes ?? 0;
  }

  #openPart(facts: PartFacts): PartOutput {
    const part = OpenPart.begin(this.#parts.desk, facts, this.#publisher, this.#wish, (error) => this.#onDiskError(error));
    this.#part = part;
    this.session.entry.update({ info: { file: plannedName(part.ticket), container: facts.container } });
    return part.file;
  }

  #closePart({ durationUs, number }: PartEnd): void {
    const part = this.#part;
    this.#part = undefined;
    part?.close(durationUs, namesParts(this.#wish.template) ? undefined : number, this.#error);
  }

  #onDiskError(error: unknown): void {
    this.#error = reportDiskError(this.session.log, this.#parts.desk.store, error);
    this.session.close('The disk refused the recording');
  }

  /** The stream has ended, or the bus has given the recording up. */
  #onEnd(stream: Stream, reason: string): void {
    if (stream.state !== 'ended') this.#error = `${reason}: the disk does not keep up with the stream`;
    this.session.close(reason);
  }
}

/** A recorder that has not begun. */
export function newRecorderState(stream: Stream, wish: RecorderWish): StreamRecorderState {
  const { meta, name, id } = stream;
  // The address of a source may have a password, which is nothing for names of files.
  const publisher: PublisherFacts = { streamName: shownStreamName(name), mediaSessionId: id, sessionId: meta.sessionId, login: meta.login ?? meta.params['login'] ?? meta.protocol };
  return { type: 'stream', streamName: name, streamId: id, publisher, wish, recording: Recording.fresh, part: undefined };
}
