import { looseBoolean, shownStreamName, WcsError, type PluginContext, type Stream } from 'wcs-core';
import { z } from 'zod';
import { nameTemplate, rotation, type RecorderSettings } from '../settings.ts';
import { expandTemplate, partPath } from '../wire/file-name.ts';
import { containerFor } from '../wire/open-container.ts';
import type { Recorders } from './recorders.ts';
import { newRecorderState, type RecorderWish } from './stream-recorder.ts';
import type { PartDesk } from '../server/part-desk.ts';
import { access } from 'node:fs/promises';

/** What the operations act on. */
export interface OperationParts {
  readonly ctx: PluginContext<RecorderSettings>;
  readonly desk: PartDesk;
  readonly recorders: Recorders;
}

const ENDING = /\.(?:mp4|webm|mkv|ts)$/i;
const bySession = z.object({ mediaSessionId: z.string() });
const startInput = bySession.extend({
  config: z.object({ fileTemplate: nameTemplate.optional(), rotation: rotation.optional() }).optional().describe('Instead of the settings'),
  fileName: nameTemplate.optional().describe('Name of the file; the older form of config.fileTemplate'),
  force: looseBoolean().default(false).describe('With fileName: replace a file of that name'),
});

/** Registers `stream.startRecording`, `stream.stopRecording` and `recorder.find_all`. @see wcs-rest-api.md section 2 */
export function registerOperations(parts: OperationParts): void {
  const { ctx, recorders } = parts;
  ctx.operations.register({
    name: 'stream.startRecording',
    aliases: ['recorder.startup'],
    summary: 'Record a stream; a recording of it that runs is ended first',
    role: 'admin',
    input: startInput,
    cli: { positional: ['mediaSessionId', 'fileName'] },
    handler: async (input) => {
      const stream = streamOf(ctx, input.mediaSessionId);
      const wish = wishOf(input, recorders.standardWish);
      if (input.fileName !== undefined && !input.force) await refuseExisting(parts, stream, wish);
      recorders.start(stream, wish);
    },
  });
  ctx.operations.register({
    name: 'stream.stopRecording',
    aliases: ['recorder.terminate'],
    summary: 'End the recording of a stream',
    role: 'admin',
    input: bySession,
    cli: { positional: ['mediaSessionId'] },
    handler: ({ mediaSessionId }) => {
      const recorder = recorders.find(mediaSessionId);
      if (recorder === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `No recording of media session ${mediaSessionId}.`);
      recorder.session.close('Stopped by rest /terminate');
    },
  });
  ctx.operations.register({
    name: 'recorder.find_all',
    summary: 'Running recordings; 404 when there are none',
    role: 'viewer',
    input: z.object({}),
    handler: () => {
      const rows = recorders.all.map(({ streamId, streamName, fileName }) => ({ fileName: fileName ?? '', mediaSessionId: streamId, streamName: shownStreamName(streamName) }));
      if (rows.length === 0) throw new WcsError('MEDIA_E_NOT_FOUND', 'No recording is running.');
      return rows;
    },
  });
}

/** @throws WcsError MEDIA_E_NOT_FOUND */
export function streamOf(ctx: PluginContext<RecorderSettings>, mediaSessionId: string): Stream {
  const stream = ctx.media.streams().find(({ id }) => id === mediaSessionId);
  if (stream === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `No stream has the media session ${mediaSessionId}.`);
  return stream;
}

function wishOf({ config, fileName, force }: z.output<typeof startInput>, standard: RecorderWish): RecorderWish {
  const template = config?.fileTemplate ?? fileName?.replace(ENDING, '') ?? standard.template;
  // Given at all, it counts: `rotation: ""` asks for a single file where the settings would part it.
  const isGiven = config !== undefined && 'rotation' in config;
  return { template, rotation: isGiven ? config.rotation : standard.rotation, overwrite: force && fileName !== undefined };
}

async function refuseExisting({ ctx, desk }: OperationParts, stream: Stream, wish: RecorderWish): Promise<void> {
  const { publisher } = newRecorderState(stream, wish);
  const facts = { ...publisher, audioCodec: '', videoCodec: '', startTimeMs: 0, startTimeMillis: 0 };
  const name = partPath(expandTemplate(wish.template, facts), undefined, containerFor(stream.tracks, ctx.settings.formats));
  const exists = await access(desk.store.absolute(name)).then(() => true, () => false);
  if (exists) throw new WcsError('OPERATION_E_CONFLICT', `There is a file ${name}; say force to replace it.`);
}
