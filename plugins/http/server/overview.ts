import { z } from 'zod';
import { shownStreamName, type KernelStatus, type MediaBus, type Metrics, type Operation, type OperationCall, type Operations, type Sessions } from 'wcs-core';
import { formatStatJson } from '../wire/stat-page.ts';

/** Where the overview looks. */
export interface OverviewParts {
  readonly operations: Operations;
  readonly metrics: Metrics;
  readonly sessions: Sessions;
  readonly mediaBus: MediaBus;
  readonly status: Pick<KernelStatus, 'health'>;
}

/** Rows of each list at most; the totals tell the rest. */
const MAX_ROWS = 500;

type Row = Readonly<Record<string, unknown>>;

/** One look at the whole server: what the dashboard shows. */
export interface Overview {
  readonly status: string;
  readonly version: string;
  readonly uptimeMs: number;
  /** As `plugin.list`, `listener.list` and `ports.list` answer. */
  readonly plugins: unknown;
  readonly listeners: unknown;
  readonly ports: unknown;
  readonly streams: { readonly total: number; readonly rows: readonly Row[] };
  readonly sessions: { readonly total: number; readonly rows: readonly Row[] };
  /** As `/?action=stat&format=json` answers. */
  readonly metrics: Row;
}

/** `dashboard.show`: plugins, streams, sessions and metrics in one answer, so that the dashboard asks once. */
export function overviewOperation(parts: OverviewParts): Operation<object, Overview> {
  return {
    name: 'dashboard.show',
    summary: 'Plugins, streams, sessions and metrics at one look',
    role: 'viewer',
    input: z.object({}),
    handler: async (_input, call) => {
      const { status, version, uptimeMs } = parts.status.health();
      const [streams, sessions] = [parts.mediaBus.streams(), parts.sessions.list()];
      const viewers = viewersByStream(sessions);
      return {
        status,
        version,
        uptimeMs,
        plugins: await listOf(parts, 'plugin.list', call),
        listeners: await listOf(parts, 'listener.list', call),
        ports: await listOf(parts, 'ports.list', call),
        streams: { total: streams.length, rows: streams.slice(0, MAX_ROWS).map((stream) => streamRow(stream, viewers.get(stream.name) ?? 0)) },
        sessions: { total: sessions.length, rows: sessions.slice(0, MAX_ROWS).map(sessionRow) },
        metrics: formatStatJson(parts.metrics.groups()),
      };
    },
  };
}

async function listOf({ operations }: OverviewParts, name: string, call: OperationCall): Promise<unknown> {
  return operations.get(name) === undefined ? [] : operations.call(name, {}, call);
}

/** People who watch, not readers of the bus: one reader may serve all players of a protocol. */
function viewersByStream(sessions: ReturnType<Sessions['list']>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, role, streamName } of sessions) {
    if (kind === 'client' && role === 'play' && streamName !== undefined) counts.set(streamName, (counts.get(streamName) ?? 0) + 1);
  }
  return counts;
}

function streamRow(stream: ReturnType<MediaBus['streams']>[number], viewers: number): Row {
  const { name, id, state, meta, tracks, stats } = stream;
  return {
    name: shownStreamName(name),
    mediaSessionId: id,
    state,
    protocol: meta.protocol,
    viewers,
    ageMs: Math.round(performance.now() - stream.createdAtMs),
    bitrateBps: Math.round(stats.bitrateBps),
    tracks: tracks.map(({ kind, codec, width, height, sampleRateHz }, index) => ({ kind, codec, width, height, sampleRateHz, fps: stats.tracks[index]?.fps })),
  };
}

function sessionRow(session: ReturnType<Sessions['list']>[number]): Row {
  const { id, protocol, plugin, kind, peer, state, role, streamName, user, startedAtMs } = session;
  return {
    ...{ id, protocol, plugin, kind, state, role, user, startedAtMs },
    streamName: streamName === undefined ? undefined : shownStreamName(streamName),
    peer: peer === undefined ? undefined : `${peer.address}:${peer.port}`,
    bytesIn: session.bytesIn(),
    bytesOut: session.bytesOut(),
  };
}
