import { looseBoolean, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { Ingest } from './ingest.ts';
import type { MpegTsServer } from './mpegts-server.ts';
import type { MpegTsSettings } from './settings.ts';

/** Seconds that clients of WCS are told; a greater jump of the stream's clock makes a discontinuity. */
const MAX_TIMESTAMP_DIFF = 1;

const filter = z.object({ localStreamName: z.string().optional(), uri: z.string().optional() });

/** Registers `mpegts.*`, the REST methods `/mpegts/*` of WCS. */
export function registerOperations(ctx: PluginContext<MpegTsSettings>, server: MpegTsServer): void {
  const rowOf = (ingest: Ingest): Readonly<Record<string, unknown>> => describe(ingest, ctx.settings.timeoutMs);
  ctx.operations.register({
    name: 'mpegts.startup',
    summary: 'Opens a port for an MPEG transport stream, and publishes what comes to it.',
    input: z.object({
      localStreamName: z.string().min(1),
      transport: z.enum(['udp', 'srt']).default('udp'),
      hasAudio: looseBoolean().default(true),
      hasVideo: looseBoolean().default(true),
      allowedList: z.array(z.string().min(1)).optional(),
    }),
    role: 'admin',
    cli: { positional: ['localStreamName', 'transport'] },
    handler: async (wish, { caller }) => rowOf(await server.open(wish, caller.address)),
  });
  ctx.operations.register({
    name: 'mpegts.find',
    summary: 'Lists the MPEG-TS ingests of a stream name or address.',
    input: filter,
    role: 'viewer',
    handler: (wanted) => matching(server, wanted).map(rowOf),
  });
  ctx.operations.register({
    name: 'mpegts.find_all',
    summary: 'Lists all MPEG-TS ingests.',
    input: z.object({}),
    role: 'viewer',
    handler: () => server.ingests.map(rowOf),
  });
  ctx.operations.register({
    name: 'mpegts.terminate',
    summary: 'Ends the MPEG-TS ingests of a stream name or address.',
    input: filter.refine(({ localStreamName, uri }) => localStreamName !== undefined || uri !== undefined, 'localStreamName or uri is needed'),
    role: 'admin',
    cli: { positional: ['localStreamName'] },
    handler: (wanted) => {
      const found = matching(server, wanted);
      if (found.length === 0) throw new WcsError('MEDIA_E_NOT_FOUND', 'There is no such ingest.');
      for (const { session } of found) session.close('Stopped by rest /terminate');
    },
  });
}

function matching({ ingests }: MpegTsServer, { localStreamName, uri }: z.output<typeof filter>): readonly Ingest[] {
  return ingests.filter(({ facts }) => (localStreamName === undefined || facts.streamName === localStreamName) && (uri === undefined || facts.uri === uri));
}

/** The agent object of WCS, with what `/mpegts/startup` adds. */
function describe(ingest: Ingest, timeoutMs: number): Readonly<Record<string, unknown>> {
  const { facts, session, publication, isPublishing } = ingest;
  const { streamName, transport, uri, hasAudio, hasVideo, allowedList } = facts;
  return {
    localMediaSessionId: publication.stream.id,
    remoteMediaSessionId: session.id,
    localStreamName: streamName,
    remoteStreamName: streamName,
    uri,
    status: isPublishing ? 'PROCESSED_LOCAL' : 'NEW',
    hasAudio,
    hasVideo,
    record: false,
    transport,
    cdn: false,
    timeout: timeoutMs,
    maxTimestampDiff: MAX_TIMESTAMP_DIFF,
    allowedList,
  };
}
