import { looseBoolean, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { VodSettings } from '../settings.ts';
import type { CaptureRow, Captures } from './captures.ts';

const filter = z.object({ localStreamName: z.string().min(1).optional(), uri: z.string().min(1).optional() });
type Filter = z.output<typeof filter>;

/** Registers `vod.*`, the REST methods `/vod/*` of WCS. */
export function registerOperations(ctx: PluginContext<VodSettings>, captures: Captures): void {
  ctx.operations.register({
    name: 'vod.startup',
    summary: 'Plays a file as a stream, until it ends or is told to stop; 409 when the stream name is in use.',
    input: z.object({ uri: z.string().min(1), localStreamName: z.string().min(1).optional(), loop: looseBoolean().optional() }),
    role: 'admin',
    cli: { positional: ['uri', 'localStreamName'] },
    handler: (wish) => captures.startCapture(wish),
  });
  ctx.operations.register({
    name: 'vod.find',
    summary: 'Files that are played as a stream of that name, or from that URI; 404 when there are none.',
    input: filter,
    role: 'viewer',
    cli: { positional: ['localStreamName'] },
    handler: (wanted) => found(captures, wanted),
  });
  ctx.operations.register({
    name: 'vod.find_all',
    summary: 'All files that are played; 404 when there are none.',
    input: z.object({}),
    role: 'viewer',
    handler: () => found(captures, {}),
  });
  ctx.operations.register({
    name: 'vod.terminate',
    summary: 'Stops playing a file; 404 when it is not played.',
    input: filter.refine(({ localStreamName, uri }) => localStreamName !== undefined || uri !== undefined, { message: 'Give localStreamName or uri' }),
    role: 'admin',
    cli: { positional: ['localStreamName'] },
    handler: (wanted) => {
      for (const { localStreamName } of found(captures, wanted)) captures.terminate(localStreamName);
    },
  });
}

function found(captures: Captures, { localStreamName, uri }: Filter): readonly CaptureRow[] {
  const rows = captures.list().filter((row) => (localStreamName === undefined || row.localStreamName === localStreamName) && (uri === undefined || row.uri === uri));
  if (rows.length === 0) throw new WcsError('MEDIA_E_NOT_FOUND', 'No file is played that matches.');
  return rows;
}
