import type { MediaFrame } from './frame.ts';

/** Frames kept at most for late joiners. */
export const GOP_CACHE_MAX_FRAMES = 1200;
/** Bytes kept at most for late joiners. */
export const GOP_CACHE_MAX_BYTES = 16 * 1024 * 1024;
/** Span of sound kept of a stream without video, and before the first key frame of one with it. */
const SOUND_SPAN_US = 1_000_000;

/**
 * What a late joiner gets first: everything since the last key frame in order of arrival, behind that key frame the sound of
 * its time that came before it; or about the last second of a stream without video. A group that outgrows the bounds is
 * forgotten whole, since a part of it could not be decoded.
 */
export class GopCache {
  readonly #maxFrames: number;
  readonly #maxBytes: number;
  #frames: MediaFrame[] = [];
  #bytes = 0;
  #hasVideo = false;
  /** False until a key frame has come: before it there is nothing for late joiners. */
  #open = false;
  /** Sound before that key frame, of which some may be of its time. */
  #early: MediaFrame[] = [];

  constructor(maxFrames: number = GOP_CACHE_MAX_FRAMES, maxBytes: number = GOP_CACHE_MAX_BYTES) {
    this.#maxFrames = maxFrames;
    this.#maxBytes = maxBytes;
  }

  /** The cached frames in order of arrival; valid until the next `push`. */
  get frames(): readonly MediaFrame[] {
    return this.#frames;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Says whether groups begin at key frames of video; a change forgets everything. */
  setHasVideo(hasVideo: boolean): void {
    if (hasVideo === this.#hasVideo) return;
    this.#hasVideo = hasVideo;
    this.clear();
  }

  push(frame: MediaFrame): void {
    if (!this.#hasVideo) { this.#pushAudioOnly(frame); return; }
    // A key frame of a second rendition joins the group instead of cutting off the first one's.
    if (frame.track.kind === 'video' && frame.key && this.#startsGroup(frame)) this.#begin(frame);
    else if (this.#open) this.#append(frame);
    else if (frame.track.kind === 'audio') this.#keepEarly(frame);
    if (this.#frames.length > this.#maxFrames || this.#bytes > this.#maxBytes) this.clear();
  }

  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
    this.#open = false;
    this.#early = [];
  }

  /** Sound that is ahead of the pictures came before the key frame of its time, and belongs to the new group. */
  #begin(key: MediaFrame): void {
    const ahead = (this.#open ? this.#frames : this.#early).filter(({ track, dtsUs }) => track.kind === 'audio' && dtsUs >= key.dtsUs);
    this.clear();
    this.#open = true;
    this.#append(key);
    for (const frame of ahead) this.#append(frame);
  }

  #keepEarly(frame: MediaFrame): void {
    const stale = this.#early.findIndex(({ dtsUs }) => frame.dtsUs - dtsUs <= SOUND_SPAN_US);
    this.#early.splice(0, stale < 0 ? this.#early.length : stale);
    const bytes = this.#early.reduce((sum, { data }) => sum + data.byteLength, frame.data.byteLength);
    if (this.#early.length < this.#maxFrames && bytes <= this.#maxBytes) this.#early.push(frame);
  }

  #startsGroup(frame: MediaFrame): boolean {
    const first = this.#frames[0];
    return first === undefined || first.track.id === frame.track.id;
  }

  #append(frame: MediaFrame): void {
    this.#frames.push(frame);
    this.#bytes += frame.data.byteLength;
  }

  #pushAudioOnly(frame: MediaFrame): void {
    this.#append(frame);
    let stale = 0;
    for (const old of this.#frames) {
      const within = frame.dtsUs - old.dtsUs <= SOUND_SPAN_US && this.#frames.length - stale <= this.#maxFrames && this.#bytes <= this.#maxBytes;
      if (within) break;
      this.#bytes -= old.data.byteLength;
      stale += 1;
    }
    if (stale > 0) this.#frames.splice(0, stale);
  }
}
