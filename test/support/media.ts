import { WcsError } from '../../core/errors/wcs-error.ts';
import type { MediaFrame } from '../../core/media/frame.ts';
import { MediaBus } from '../../core/media/media-bus.ts';
import type { MediaSettings } from '../../core/media/runtime.ts';
import type { StreamMeta } from '../../core/media/stream.ts';
import type { FrameSink } from '../../core/media/subscription.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';
import { FakeTime } from './fake-time.ts';

export const VIDEO: TrackDescriptor = { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 1, codecConfig: Uint8Array.of(1, 2) };
export const AUDIO: TrackDescriptor = { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: 48_000, revision: 1, sampleRateHz: 48_000, channels: 2 };
export const META: StreamMeta = { plugin: 'test', protocol: 'test', sessionId: 's1', params: {} };

/** A bus on fake time that collects faults. */
export function makeBus(settings: Partial<MediaSettings> = {}): { bus: MediaBus; time: FakeTime; faults: unknown[] } {
  const time = new FakeTime();
  const faults: unknown[] = [];
  const silent = (): void => undefined;
  const bus = new MediaBus({
    clock: time,
    timers: time,
    log: { debug: silent, info: silent, warn: silent },
    onFault: (error) => void faults.push(error),
    validateName: (name) => {
      if (name === '' || name.startsWith('/')) throw new WcsError('MEDIA_E_NAME_INVALID', `Bad name ${name}`);
      return name;
    },
    settings,
  });
  return { bus, time, faults };
}

export function video(ms: number, key: boolean, bytes = 10, track = VIDEO): MediaFrame {
  return { track, ptsUs: ms * 1000, dtsUs: ms * 1000, key, data: new Uint8Array(bytes).fill(ms & 0xff), receivedAtMs: ms };
}

export function audio(ms: number, bytes = 4, track = AUDIO): MediaFrame {
  return { track, ptsUs: ms * 1000, dtsUs: ms * 1000, key: true, data: new Uint8Array(bytes), receivedAtMs: ms };
}

/** A sink that writes down what it is told: `tracks video,audio`, `V!0` (key), `V40`, `A20`, `V!80*` (discontinuity), `suspend`, `resume`, `end …`. */
export class RecordingSink implements FrameSink {
  readonly log: string[] = [];
  readonly frames: MediaFrame[] = [];

  onTracks(tracks: readonly TrackDescriptor[]): void {
    this.log.push(`tracks ${tracks.map((track) => `${track.id}:${track.codec}`).join(',')}`);
  }

  onFrame(frame: MediaFrame): void {
    this.frames.push(frame);
    const kind = frame.track.kind === 'video' ? (frame.key ? 'V!' : 'V') : 'A';
    this.log.push(`${kind}${frame.dtsUs / 1000}${frame.discontinuity === true ? '*' : ''}`);
  }

  onSuspend(): void {
    this.log.push('suspend');
  }

  onResume(): void {
    this.log.push('resume');
  }

  onEnd(reason: string): void {
    this.log.push(`end ${reason}`);
  }
}
