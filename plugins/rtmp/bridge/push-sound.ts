import type { MediaFrame, TrackDescriptor } from 'wcs-core';
import { silentFrame } from './silence.ts';
import type { Sound } from './sound-file.ts';

/** A file that is heard. */
interface Playing {
  readonly sound: Sound;
  readonly loop: boolean;
  /** Frames sent so far, over all rounds. */
  sent: number;
  /** When it began, on the stream's clock; undefined before the stream's next frame. */
  startUs: number | undefined;
}

/** Plain data of a `PushSound`. */
export interface SoundState {
  readonly muted: boolean;
  readonly playing: Playing | undefined;
}

/**
 * What is heard of a pushed stream: its own sound, silence in its place, or a file. A file keeps to the stream's clock:
 * its frames go out along with those of the stream, and wait while the stream does.
 */
export class PushSound {
  /** Silences the stream's own sound, not that of a file. */
  muted: boolean;
  readonly #onFileEnd: () => void;
  #playing: Playing | undefined;

  /** @param onFileEnd called when a file that is not repeated is over */
  constructor(onFileEnd: () => void, state: SoundState = { muted: false, playing: undefined }) {
    this.#onFileEnd = onFileEnd;
    this.muted = state.muted;
    this.#playing = state.playing === undefined ? undefined : { ...state.playing };
  }

  /** True while a file is heard. */
  get playsFile(): boolean {
    return this.#playing !== undefined;
  }

  /** True when frames go out as they are. */
  get passes(): boolean {
    return !this.muted && this.#playing === undefined;
  }

  exportState(): SoundState {
    return { muted: this.muted, playing: this.#playing === undefined ? undefined : { ...this.#playing } };
  }

  play(sound: Sound, loop: boolean): void {
    this.#playing = { sound, loop, sent: 0, startUs: undefined };
  }

  stop(): void {
    this.#playing = undefined;
  }

  /** How the sound that goes out is coded; undefined when there is none. */
  trackFor(tracks: readonly TrackDescriptor[]): TrackDescriptor | undefined {
    return this.#playing?.sound.track ?? tracks.find(({ kind }) => kind === 'audio');
  }

  /** What goes out in place of a frame of the stream, in the order of time. */
  filter(frame: MediaFrame): readonly MediaFrame[] {
    const isSound = frame.track.kind === 'audio';
    const due = this.#playing === undefined ? [] : this.#framesUpTo(this.#playing, frame);
    if (!isSound) return [...due, frame];
    // The last frames of a file take the place of the stream's sound until the next.
    if (due.length > 0 || this.#playing !== undefined) return due;
    const data = this.muted ? silentFrame(frame.track, frame.data) : frame.data;
    return data === undefined ? [] : [{ ...frame, data }];
  }

  #framesUpTo(playing: Playing, { dtsUs: untilUs, receivedAtMs }: MediaFrame): MediaFrame[] {
    const { sound, loop } = playing;
    playing.startUs ??= untilUs;
    const due: MediaFrame[] = [];
    for (;;) {
      const timeUs = Math.round(playing.startUs + playing.sent * sound.frameUs);
      if (timeUs > untilUs) break;
      if (!loop && playing.sent >= sound.frames.length) {
        // Not before its last frames are out: what follows is coded in another way.
        if (due.length > 0) break;
        this.#playing = undefined;
        this.#onFileEnd();
        break;
      }
      const data = sound.frames[playing.sent % sound.frames.length];
      playing.sent += 1;
      if (data !== undefined) due.push({ track: sound.track, ptsUs: timeUs, dtsUs: timeUs, key: true, data, receivedAtMs });
    }
    return due;
  }
}
