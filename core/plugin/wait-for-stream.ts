import { WcsError } from '../errors/wcs-error.ts';
import type { Stream } from '../media/stream.ts';
import type { ScopedMedia } from './scoped-media.ts';
import type { ScopedTimers } from './scoped-timers.ts';

/** A stream that somebody waits for. */
export interface AwaitedStream {
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
  /** IP address of the player. */
  readonly caller: string | undefined;
  /** How long to wait for a publisher where no source has the stream. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/**
 * The stream of that name: live, started by its source, or published within the time.
 *
 * @throws WcsError MEDIA_E_NOT_FOUND, or what else the bus says
 */
export async function waitForStream(media: ScopedMedia, timers: ScopedTimers, { name, params, caller, waitMs, signal }: AwaitedStream): Promise<Stream> {
  try {
    return await media.resolve(name, { params, caller, signal, personal: true });
  } catch (error) {
    const absent = error instanceof WcsError && error.code === 'MEDIA_E_NOT_FOUND';
    if (!absent || waitMs === 0 || signal.aborted) throw error;
    const published = await publishedWithin(media, timers, name, waitMs, signal);
    if (published === undefined) throw error;
    return published;
  }
}

function publishedWithin(media: ScopedMedia, timers: ScopedTimers, name: string, waitMs: number, signal: AbortSignal): Promise<Stream | undefined> {
  return new Promise((resolve) => {
    const finish = (stream: Stream | undefined): void => {
      off();
      cancel();
      signal.removeEventListener('abort', onAbort);
      resolve(stream);
    };
    const onAbort = (): void => finish(undefined);
    const off = media.on('streamPublished', ({ stream }) => {
      if (stream.name === name) finish(stream);
    });
    const cancel = timers.after(waitMs, () => finish(undefined));
    signal.addEventListener('abort', onAbort);
    // It may have come between the refusal and now.
    const there = media.find(name);
    if (there !== undefined) finish(there);
  });
}
