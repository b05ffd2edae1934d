import { z } from 'zod';
import { shownStreamName } from '../access/stream-name.ts';
import { WcsError } from '../errors/wcs-error.ts';
import type { MediaBus } from '../media/media-bus.ts';
import type { Stream } from '../media/stream.ts';
import { looseBoolean } from '../operations/loose.ts';
import type { Operations } from '../operations/operations.ts';
import type { Sessions } from '../sessions/sessions.ts';

const filter = z.object({
  mediaSessionId: z.string().optional(),
  mediaSessionIds: z.array(z.string()).optional(),
  sessionId: z.string().optional(),
  name: z.string().optional(),
  published: looseBoolean().optional(),
  status: z.string().optional(),
  display: z.array(z.string()).optional().describe('["metrics"] adds the metrics of each stream'),
});
type StreamFilter = z.output<typeof filter>;

const STATUS = { live: 'PUBLISHING', suspended: 'PENDING', ended: 'UNPUBLISHED' } as const;

/** The WCS "Stream" object. */
function streamRow(stream: Stream, viewers: ReadonlyMap<string, number>): Readonly<Record<string, unknown>> {
  const video = stream.tracks.find((track) => track.kind === 'video');
  const audio = stream.tracks.find((track) => track.kind === 'audio');
  const { stats, meta } = stream;
  return {
    name: shownStreamName(stream.name),
    mediaSessionId: stream.id,
    sessionId: meta.sessionId,
    status: STATUS[stream.state],
    published: true,
    mediaType: 'publish',
    mediaProvider: meta.protocol,
    hasVideo: video !== undefined,
    hasAudio: audio !== undefined,
    videoCodec: video?.codec,
    audioCodec: audio === undefined ? undefined : `${audio.codec}/${audio.sampleRateHz ?? audio.clockRateHz}/${audio.channels ?? 1}`,
    width: video?.width,
    height: video?.height,
    fps: video === undefined ? undefined : Number(stats.tracks.find((track) => track.trackId === video.id)?.fps.toFixed(2)),
    bitrate: Math.round(stats.bitrateBps),
    viewers: viewers.get(stream.name) ?? 0,
    createDate: Math.round(performance.timeOrigin + stream.createdAtMs),
  };
}

/** Viewers by stream, counted once for a whole list: a walk through all sessions for each stream would block the server. */
function viewersByStream(sessions: Sessions): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { streamName } of sessions.list({ kind: 'client', role: 'play' })) {
    if (streamName !== undefined) counts.set(streamName, (counts.get(streamName) ?? 0) + 1);
  }
  return counts;
}

/** The flat map of WCS metric names. */
function streamMetrics(stream: Stream): Readonly<Record<string, number | string>> {
  const entries: [string, number | string][] = [];
  for (const track of stream.stats.tracks) {
    const descriptor = stream.tracks.find((each) => each.id === track.trackId);
    if (track.kind === 'data') continue;
    const kind = track.kind.toUpperCase();
    entries.push([`${kind}_CODEC`, track.codec], [`${kind}_RATE`, Math.round(track.bitrateBps)]);
    if (track.kind !== 'video') continue;
    entries.push(['VIDEO_WIDTH', descriptor?.width ?? 0], ['VIDEO_HEIGHT', descriptor?.height ?? 0], ['VIDEO_FPS', Number(track.fps.toFixed(2))]);
    entries.push(['VIDEO_K_FRAMES', track.keyFrames], ['VIDEO_P_FRAMES', track.frames - track.keyFrames]);
  }
  return Object.fromEntries(entries);
}

function matching(media: MediaBus, wanted: StreamFilter): Stream[] {
  return media.streams().filter(
    (stream) =>
      (wanted.mediaSessionId === undefined || stream.id === wanted.mediaSessionId) &&
      (wanted.mediaSessionIds === undefined || wanted.mediaSessionIds.includes(stream.id)) &&
      (wanted.sessionId === undefined || stream.meta.sessionId === wanted.sessionId) &&
      (wanted.name === undefined || stream.name === wanted.name || shownStreamName(stream.name) === wanted.name) &&
      (wanted.published ?? true) &&
      (wanted.status === undefined || STATUS[stream.state] === wanted.status),
  );
}

function found(streams: readonly Stream[]): readonly Stream[] {
  if (streams.length === 0) throw new WcsError('MEDIA_E_NOT_FOUND', 'No stream matches.');
  return streams;
}

/** `stream.*`: what is published, and the way to end it. */
export function registerStreamOperations(operations: Operations, media: MediaBus, sessions: Sessions): void {
  const rows = (streams: readonly Stream[]): Readonly<Record<string, unknown>>[] => {
    const viewers = viewersByStream(sessions);
    return streams.map((stream) => streamRow(stream, viewers));
  };
  operations.register({
    name: 'stream.find',
    summary: 'Streams that match every field given; 404 when there are none',
    role: 'viewer',
    input: filter,
    cli: { positional: ['name'] },
    handler: (wanted) => {
      const streams = found(matching(media, wanted));
      if (wanted.display?.includes('metrics') !== true) return rows(streams);
      const metrics = streams.map(streamMetrics);
      return rows(streams).map((row, index) => ({ ...row, metrics: metrics[index] }));
    },
  });
  operations.register({
    name: 'stream.find_all',
    summary: 'All streams; 404 when there are none',
    role: 'viewer',
    input: z.object({}),
    handler: () => rows(found(media.streams())),
  });
  operations.register({
    name: 'stream.terminate',
    summary: 'End every stream that matches; without fields, all streams',
    role: 'admin',
    input: filter,
    cli: { positional: ['name'] },
    handler: (wanted) => {
      for (const stream of found(matching(media, wanted))) stream.terminate('Stopped by rest /terminate');
    },
  });
  operations.register({
    name: 'stream.metrics',
    summary: 'Metrics of one stream',
    role: 'viewer',
    input: z.object({ mediaSessionId: z.string() }),
    cli: { positional: ['mediaSessionId'] },
    handler: ({ mediaSessionId }) => {
      const [stream] = found(matching(media, { mediaSessionId }));
      return stream === undefined ? {} : streamMetrics(stream);
    },
  });
}
