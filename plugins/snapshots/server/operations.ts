import { type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { SnapshotService } from './snapshot-service.ts';

/** Registers `stream.snapshot`, the REST method `/stream/snapshot` of WCS. */
export function registerOperations(ctx: Pick<PluginContext, 'operations'>, service: SnapshotService): void {
  ctx.operations.register({
    name: 'stream.snapshot',
    summary: 'Takes a picture of a stream; gives it as PNG in base64.',
    input: z.object({ streamName: z.string().min(1) }),
    output: z.object({ data: z.string() }),
    role: 'viewer',
    cli: { positional: ['streamName'] },
    handler: async ({ streamName }) => ({ data: Buffer.from(await service.take(streamName)).toString('base64') }),
  });
}
