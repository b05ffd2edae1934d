import { looseBoolean, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { PictureFiles } from 'wcs-core/process/picture-files';
import type { Republisher } from '../bridge/republisher.ts';
import type { TranscoderSettings } from '../settings.ts';
import { acceptanceOfEncoder, encoderSchema, watermarkSchema } from './encoder-input.ts';
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
export function registerOperations(ctx: PluginContext<TranscoderSettings>, managed: ManagedStreams, pictures: PictureFiles): void {
  for (const group of ['transcoder', 'transcoder2'] as const) {
    const made = new Group(managed, group);
    registerStart(ctx, managed, pictures, made);
    registerFinds(ctx, made);
    registerChanges(ctx, pictures, made);
  }
}

/** What was started by the operations of one name. */
class Group {
  readonly name: string;
  readonly scheme: string;
  readonly #managed: ManagedStreams;

  constructor(managed: ManagedStreams, name: string) {
    this.name = name;
    this.scheme = `${name}://`;
    this.#managed = managed;
  }

  get all(): Republisher[] {
    return this.#managed.all.filter(({ state }) => state.uri?.startsWith(this.scheme) === true);
  }

  /** @throws WcsError SESSION_E_NOT_FOUND */
  get(uri: string): Republisher {
    const made = this.all.find(({ state }) => state.uri === uri);
    if (made === undefined) throw new WcsError('SESSION_E_NOT_FOUND', `There is no ${uri}.`);
    return made;
  }
}

function registerStart({ operations, settings }: PluginContext<TranscoderSettings>, managed: ManagedStreams, pictures: PictureFiles, { name, scheme }: Group): void {
  operations.register({
    name: `${name}.startup`,
    summary: 'Makes a stream of another one, in another codec, size or rate.',
    role: 'admin',
    input: startupInput,
    cli: { positional: ['uri', 'remoteStreamName', 'localStreamName'] },
    handler: async ({ uri, remoteStreamName, localStreamName, encoder }) => {
      if (!uri.startsWith(scheme)) throw new WcsError('OPERATION_E_INPUT', `The uri has to begin with ${scheme}`);
      if (settings.transcodingDisabled) throw new WcsError('MEDIA_E_NO_COMMON_CODEC', 'Transcoding required, but disabled');
      if (encoder.watermark !== undefined && encoder.watermark !== '') await pictures.read(encoder.watermark);
      return rowOf(await managed.start(remoteStreamName, localStreamName, { uri, accept: acceptanceOfEncoder(encoder), encoder }));
    },
  });
}

function registerFinds({ operations }: PluginContext<TranscoderSettings>, group: Group): void {
  operations.register({
    name: `${group.name}.find`,
    summary: 'Lists the made streams that match all given fields.',
    role: 'viewer',
    input: findInput,
    handler: (wanted) => notEmpty(group.all.map(rowOf).filter((row) => Object.entries(wanted).every(([field, value]) => value === undefined || row[field] === value))),
  });
  operations.register({
    name: `${group.name}.find_all`,
    summary: 'Lists the streams that are made of others.',
    role: 'viewer',
    input: z.object({}),
    handler: () => notEmpty(group.all.map(rowOf)),
  });
}

function registerChanges({ operations }: PluginContext<TranscoderSettings>, pictures: PictureFiles, group: Group): void {
  operations.register({
    name: `${group.name}.set_watermark`,
    summary: 'Puts a picture on a made stream; an empty name takes it away.',
    role: 'admin',
    input: z.object({ uri: z.string().min(1), watermark: watermarkSchema.describe('a file in the folder of pictures') }),
    cli: { positional: ['uri', 'watermark'] },
    handler: async ({ uri, watermark }) => {
      group.get(uri);
      if (watermark !== '') await pictures.read(watermark);
      const made = group.get(uri);
      // What is shown again of it is what it was started with, and what was changed since.
      const encoder = encoderSchema.parse({ ...made.state.encoder, watermark });
      made.change(acceptanceOfEncoder(encoder), encoder);
    },
  });
  operations.register({
    name: `${group.name}.terminate`,
    summary: 'Ends a made stream.',
    role: 'admin',
    input: z.object({ uri: z.string().min(1) }),
    cli: { positional: ['uri'] },
    handler: ({ uri }) => group.get(uri).session.close('Stopped by rest /terminate'),
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
