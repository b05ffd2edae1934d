import type { FrameSink, PluginContext, PluginSession, Stream } from 'wcs-core';
import { Presentation, type PresentationState } from '../session/presentation.ts';
import { Waiters } from '../session/waiters.ts';
import type { HlsSettings } from '../settings.ts';
import type { Container } from '../wire/request-path.ts';

/** A packager as plain data. */
export interface PackagerState {
  readonly type: 'packager';
  readonly streamName: string;
  readonly streamId: string;
  readonly presentation: PresentationState;
  readonly createdAtMs: number;
  readonly lastAskedMs: number;
  readonly events: readonly string[];
  /** Stays without viewers. */
  readonly keeps: boolean;
}

/** Most recent events kept for `hls.find_all`. */
const EVENTS_KEPT = 20;
/** What the packagers take; other codecs are transcoded where that is on, otherwise left out. */
const ACCEPT = {
  fmp4: [
    { kind: 'video', codecs: ['h264', 'hevc', 'av1', 'vp9'] },
    { kind: 'audio', codecs: ['aac', 'opus', 'mp3'] },
  ],
  ts: [
    { kind: 'video', codecs: ['h264', 'hevc'] },
    { kind: 'audio', codecs: ['aac', 'mp3'] },
  ],
} as const;

/** One stream packed into one container, as a session of the server itself. */
export class StreamPackager {
  readonly session: PluginSession;
  readonly streamName: string;
  readonly presentation: Presentation;
  readonly waiters: Waiters;
  readonly createdAtMs: number;
  readonly keeps: boolean;
  /** Monotonic time of the last request. */
  lastAskedMs: number;
  readonly #streamId: string;
  #stream: Stream | undefined;
  readonly #events: string[];

  constructor(session: PluginSession, state: PackagerState, settings: HlsSettings) {
    this.session = session;
    this.streamName = state.streamName;
    this.createdAtMs = state.createdAtMs;
    this.lastAskedMs = state.lastAskedMs;
    this.keeps = state.keeps;
    this.#streamId = state.streamId;
    this.#events = [...state.events];
    this.waiters = new Waiters(settings.maxHeldRequests);
    const listSize = state.presentation.container === 'fmp4' ? settings.listSize : settings.tsListSize;
    this.presentation = new Presentation(state.presentation, {
      limits: { listSize, maxBytes: settings.maxBytes },
      clocks: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
      onBroken: (error) => session.log.debug('Media of the publisher could not be packed', { error }),
      // Browsers send key frames only when asked.
      onKeyFrameDue: () => this.#stream?.requestKeyFrame(),
    });
    this.presentation.onChange(() => this.waiters.wake());
    session.scope.add('held requests', () => this.waiters.handOnAll());
    session.onGoodbye = () => this.waiters.endAll();
    session.entry.update({ state: 'PACKAGING', role: 'play', streamName: this.streamName, info: { container: this.container }, bytesIn: () => 0, bytesOut: () => 0 });
    session.timers.every(this.presentation.timing.partTargetUs / 1000, () => {
      this.presentation.tick();
      this.waiters.expire(performance.now());
    });
  }

  get container(): Container {
    return this.presentation.container;
  }

  get events(): readonly string[] {
    return this.#events;
  }

  /** False once its stream is over and another one has its name. */
  isOf(stream: Stream | undefined): boolean {
    return stream === undefined || stream.id === this.#streamId;
  }

  /** Reads the stream; `gop` begins with the cached frames, `live` continues another generation's reading. */
  read(stream: Stream, from: 'gop' | 'live'): void {
    const { presentation } = this;
    this.#stream = stream;
    const sink: FrameSink = {
      onTracks: (tracks) => {
        this.#note(`tracks ${tracks.map(({ codec }) => codec).join(', ')}`);
        presentation.setTracks(tracks);
      },
      onFrame: (frame) => presentation.push(frame),
      onSuspend: () => {
        this.#note('publisher away');
        presentation.suspend();
      },
      onResume: () => this.#note('publisher back'),
      onEnd: (reason) => {
        this.#note(`stream ended: ${reason}`);
        presentation.end();
      },
    };
    const label = `hls ${this.container}`;
    this.session.subscribe(stream, { plane: 'frames', accept: ACCEPT[this.container], onMismatch: 'omit', from, sink, label });
  }

  exportState(): PackagerState {
    return {
      type: 'packager',
      streamName: this.streamName,
      streamId: this.#streamId,
      presentation: this.presentation.exportState(),
      createdAtMs: this.createdAtMs,
      lastAskedMs: this.lastAskedMs,
      events: [...this.#events],
      keeps: this.keeps,
    };
  }

  #note(event: string): void {
    this.#events.push(`${new Date().toISOString()} ${event}`);
    if (this.#events.length > EVENTS_KEPT) this.#events.shift();
  }
}

/** What a packager of a stream accepts. */
export type PackagerContext = PluginContext<HlsSettings>;
