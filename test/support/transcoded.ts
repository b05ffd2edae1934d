import { readFileSync } from 'node:fs';
import type { Acceptance } from '../../core/media/negotiate.ts';
import type { MediaFrame } from '../../core/media/frame.ts';
import type { Stream } from '../../core/media/stream.ts';
import type { Subscription } from '../../core/media/subscription.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';

/** What a browser takes: no B frames, Opus. */
export const LIKE_A_BROWSER: readonly Acceptance[] = [
  { kind: 'video', codecs: ['vp8', 'h264'], bFrames: false },
  { kind: 'audio', codecs: ['opus'] },
];

/** Reads a stream and keeps account of when what came. */
export class TimedReader {
  readonly subscription: Subscription;
  tracks: readonly TrackDescriptor[] = [];
  readonly frames: { readonly kind: string; readonly atMs: number; readonly frame: MediaFrame }[] = [];
  end: string | undefined;

  constructor(stream: Stream, accept: readonly Acceptance[], onMismatch: 'refuse' | 'omit' = 'refuse') {
    this.subscription = stream.subscribe({
      plane: 'frames',
      accept,
      onMismatch,
      label: 'reader',
      sink: {
        onTracks: (tracks) => (this.tracks = tracks),
        onFrame: (frame) => void this.frames.push({ kind: frame.track.kind, atMs: performance.now(), frame }),
        onEnd: (reason) => (this.end = reason),
      },
    });
  }

  of(kind: 'audio' | 'video', sinceMs = 0): { readonly atMs: number; readonly frame: MediaFrame }[] {
    return this.frames.filter((entry) => entry.kind === kind && entry.atMs >= sinceMs);
  }

  /** Longest time without a frame of that kind since then, in milliseconds. */
  longestGapMs(kind: 'audio' | 'video', sinceMs: number): number {
    const times = [sinceMs, ...this.of(kind, sinceMs).map(({ atMs }) => atMs)];
    return Math.max(...times.slice(1).map((atMs, index) => atMs - times[index]!));
  }

  /** True where no time of decoding steps back, or stands still for sound. */
  goesForward(kind: 'audio' | 'video'): boolean {
    const times = this.of(kind).map(({ frame }) => frame.dtsUs);
    return times.every((dtsUs, index) => index === 0 || dtsUs > times[index - 1]! || (kind === 'video' && dtsUs === times[index - 1]));
  }
}

/** Process ids of the children of this process that run the module of a plugin. */
export function childrenOf(plugin: string): number[] {
  return readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter((word) => word !== '')
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`child://${plugin}`);
      } catch {
        return false;
      }
    });
}
