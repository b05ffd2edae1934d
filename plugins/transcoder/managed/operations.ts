import { looseBoolean, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { Republisher } from '../bridge/republisher.ts';
import type { TranscoderSettings } from '../settings.ts';
import { acceptanceOfEncoder, encoderSchema } from './encoder-input.ts';
import type { ManagedStreams } from './managed-streams.ts';

const startupInput = z.object({
  uri: z.string().min(1).max(1000),
  remoteStreamName: z.string().min(1),
  localStreamName: z.string().min(1),
  encoder: encoderSchema.default({}),
});
const findInput = z.object({
  uri: z.string().optional(),
  localStreamName: z.string().optional(),
  remoteStreamName: z.string().optional(),
  localMediaSessionId: z.string().optional(),
  remoteMediaSessionId: z.string().optional(),
  status: z.string().optional(),
  hasAudio: looseBoolean().optional(),
  hasVideo: looseBoolean().optional(),
});

const RTP_VIDEO_RATE_HZ = 90_000;

/** Registers `transcoder2.*` and the older `transcoder.*`. */
export function registerOperations(ctx: PluginContext<TranscoderSettings>, managed: ManagedStreams): void {
  for (const group of ['transcoder', 'transcoder2'] as const) registerGroup(ctx, managed, group);
}

function registerGroup({ operations, settings }: PluginContext<TranscoderSettings>, managed: ManagedStreams, group: 'transcoder' | 'transcoder2'): void {
  const scheme = `${group}://`;
  const ofGroup = (): Republisher[] => managed.all.filter(({ state }) => state.uri?.startsWith(scheme) === true);
  operations.register({
    name: `${group}.startup`,
    summary: 'Makes a stream of another one, in another codec, size or rate.',
    role: 'admin',
    input: startupInput,
    cli: { positional: ['uri', 'remoteStreamName', 'localStreamName'] },
    handler: async ({ uri, remoteStreamName, localStreamName, encoder }) => {
      if (!uri.startsWith(scheme)) throw new WcsError('OPERATION_E_INPUT', `The uri has to begin with ${scheme}`);
      if (encoder.watermark !== undefined) throw new WcsError('OPERATION_E_INPUT', 'Watermarks are not made yet.');
      if (settings.transcodingDisabled) throw new WcsError('MEDIA_E_NO_COMMON_CODEC', 'Transcoding required, but disabled');
      return rowOf(await managed.start(remoteStreamName, localStreamName, { uri, accept: acceptanceOfEncoder(encoder), encoder }));
    },
  });
  operations.register({
    name: `${group}.find`,
    summary: 'Lists the made streams that match all given fields.',
    role: 'viewer',
    input: findInput,
    handler: (wanted) => notEmpty(ofGroup().map(rowOf).filter((row) => Object.entries(wanted).every(([field, value]) => value === undefined || row[field] === value))),
  });
  operations.register({
    name: `${group}.find_all`,
    summary: 'Lists the streams that are made of others.',
    role: 'viewer',
    input: z.object({}),
    handler: () => notEmpty(ofGroup().map(rowOf)),
  });
  operations.register({
    name: `${group}.terminate`,
    summary: 'Ends a made stream.',
    role: 'admin',
    input: z.object({ uri: z.string().min(1) }),
    cli: { positional: ['uri'] },
    handler: ({ uri }) => {
      const [made] = ofGroup().filter(({ state }) => state.uri === uri);
      if (made === undefined) throw new WcsError('SESSION_E_NOT_FOUND', `There is no ${uri}.`);
      made.session.close('Stopped by rest /terminate');
    },
  });
}

function rowOf({ state, stream }: Republisher): Readonly<Record<string, unknown>> {
  const { uri, localName, sourceName, localMediaSessionId, remoteMediaSessionId, encoder } = state;
  const has = (kind: string): boolean => stream.tracks.some((track) => track.kind === kind);
  return {
    localMediaSessionId,
    remoteMediaSessionId,
    localStreamName: localName,
    remoteStreamName: sourceName,
    uri,
    status: stream.tracks.length > 0 ? 'PROCESSED_LOCAL' : 'NEW',
    hasAudio: has('audio'),
    hasVideo: has('video'),
    record: false,
    encoder: { ...encoder, videoRate: RTP_VIDEO_RATE_HZ },
  };
}

function notEmpty<T>(rows: readonly T[]): readonly T[] {
  if (rows.length === 0) throw new WcsError('OPERATION_E_EMPTY', 'No stream is made.');
  return rows;
}
