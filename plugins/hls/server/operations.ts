import { looseNumber, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import { codecStringOf } from '../session/variant.ts';
import type { HlsSettings } from '../settings.ts';
import { playlistPath } from '../wire/request-path.ts';
import type { PackagerDirectory, ServedPackager } from './packager-directory.ts';
import type { Viewers } from './viewers.ts';

/** What the operations look at. */
export interface OperationParts {
  readonly ctx: PluginContext<HlsSettings>;
  readonly packagers: PackagerDirectory;
  readonly viewers: Viewers;
}

const nameInput = z.object({ name: z.string().min(1) });
const count = () => looseNumber().pipe(z.number().int().min(0)).optional();

/** Registers `hls.*`, the REST methods `/hls/*` of WCS. */
export function registerOperations({ ctx, packagers, viewers }: OperationParts): void {
  ctx.operations.register({
    name: 'hls.startup',
    summary: 'Starts to cut a stream for HLS before anybody asks for it.',
    input: nameInput,
    role: 'admin',
    cli: { positional: ['name'] },
    handler: async ({ name }) => {
      await packagers.obtain(name, ctx.settings.container, { keeps: true });
    },
  });
  ctx.operations.register({
    name: 'hls.find_all',
    summary: 'Lists the streams that are cut for HLS.',
    input: z.object({ offset: count(), size: count() }),
    role: 'viewer',
    handler: ({ offset = 0, size }) => {
      const rows = packagers.all.slice(offset, size === undefined ? undefined : offset + size);
      return notEmpty(rows.map((packager) => rowOf(packager, viewers)));
    },
  });
  ctx.operations.register({
    name: 'hls.profiles',
    summary: 'Tells the media that a stream is cut from.',
    input: z.object({ hlsId: z.string().optional(), profileName: z.string().optional() }),
    role: 'viewer',
    cli: { positional: ['hlsId', 'profileName'] },
    handler: ({ hlsId, profileName }) =>
      notEmpty(chosen(packagers, hlsId).filter(({ container }) => profileName === undefined || profileName === container).map(profileOf)),
  });
  ctx.operations.register({
    name: 'hls.subscribers',
    summary: 'Lists the viewers of a stream that is cut for HLS.',
    input: z.object({ hlsId: z.string().optional(), offset: count(), size: count() }),
    role: 'viewer',
    cli: { positional: ['hlsId'] },
    handler: ({ hlsId, offset = 0, size }) => {
      const names = new Set(chosen(packagers, hlsId).map(({ streamName }) => streamName));
      const rows = [...names].flatMap((name) => viewers.of(name)).map((viewer) => subscriberOf(viewer, ctx.settings.viewerIdleMs));
      return notEmpty(rows.slice(offset, size === undefined ? undefined : offset + size));
    },
  });
  ctx.operations.register({
    name: 'hls.terminate',
    summary: 'Stops to cut a stream for HLS; a viewer who asks again starts it anew.',
    input: nameInput,
    role: 'admin',
    cli: { positional: ['name'] },
    handler: ({ name }) => {
      for (const packager of notEmpty(packagers.all.filter(({ streamName }) => streamName === name))) packager.session.close('terminated');
    },
  });
}

/** WCS answers a list without rows with 404. */
function notEmpty<T>(rows: T[]): T[] {
  if (rows.length === 0) throw new WcsError('MEDIA_E_NOT_FOUND', 'Nothing is found.');
  return rows;
}

/** By id, else by stream name; all when neither is asked for. */
function chosen(packagers: PackagerDirectory, hlsId: string | undefined): ServedPackager[] {
  return packagers.all.filter(({ session, streamName }) => hlsId === undefined || session.id === hlsId || streamName === hlsId);
}

function rowOf(packager: ServedPackager, viewers: Viewers): Readonly<Record<string, unknown>> {
  const { presentation, streamName, container, session, waiters, createdAtMs, events } = packager;
  return {
    id: session.id,
    streamName,
    status: presentation.ended ? 'ENDED' : presentation.isReady ? 'ACTIVE' : 'STARTING',
    waitingSize: waiters.size,
    profiles: [container],
    subscribers: viewers.of(streamName).length,
    playlist: playlistPath(streamName, container),
    createdDate: new Date(createdAtMs).toISOString(),
    logs: [...events],
  };
}

function profileOf({ presentation, streamName, container }: ServedPackager): Readonly<Record<string, unknown>> {
  const video = presentation.tracks.find(({ kind }) => kind === 'video');
  const audio = presentation.tracks.find(({ kind }) => kind === 'audio');
  const { listed, open, openMsn, bytes } = presentation.store;
  return {
    name: container,
    stream: streamName,
    keyFrameReceived: presentation.isReady,
    ...(video === undefined ? {} : { videoProfile: { type: video.codec, codec: codecStringOf(video), width: video.width, height: video.height, fps: video.frameRate } }),
    ...(audio === undefined ? {} : { audioProfile: { type: audio.codec, codec: codecStringOf(audio), rate: audio.sampleRateHz, channels: audio.channels } }),
    targetDuration: presentation.timing.targetDurationS,
    partTarget: presentation.timing.partTargetUs / 1_000_000,
    mediaSequence: listed[0]?.msn ?? openMsn,
    segments: listed.length,
    parts: open?.parts.length ?? 0,
    bytes,
  };
}

function subscriberOf(viewer: ReturnType<Viewers['of']>[number], idleMs: number): Readonly<Record<string, unknown>> {
  const { session, userAgent, metrics, lastSeenMs } = viewer;
  const sinceStartMs = Date.now() - session.entry.startedAtMs;
  return {
    id: session.id,
    ip: session.entry.peer?.address,
    port: session.entry.peer?.port,
    userAgent,
    active: performance.now() - lastSeenMs <= idleMs,
    // One rendition a stream: nobody switches.
    metrics: { profileTime: sinceStartMs, profileSwitches: 0, ...metrics.report() },
  };
}
