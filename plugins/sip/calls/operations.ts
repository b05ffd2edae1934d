import { parseStreamName, WcsError, type KeyMethod, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { Call } from './call.ts';
import { accountFields, accountOf, callFields, callId, rowOf } from './operation-fields.ts';
import type { Switchboard } from './switchboard.ts';

const METHODS = ['RFC2833', 'INFO', 'INFO_RELAY'] as const satisfies readonly KeyMethod[];
const startup = z.object({ ...callFields, ...accountFields, appKey: z.string().optional() });
const filter = z.object({ callId: z.string().optional(), callee: z.string().optional(), status: z.string().optional(), rtmpUrl: z.string().optional() });
const injection = z.object({ callId, streamName: z.string().min(1) });

/** `call.*`: calls without a browser, streams in and out of calls. @see WCS REST section 10 */
export function registerCallOperations(operations: PluginContext['operations'], board: Switchboard): void {
  const { calls } = board;
  operations.register({
    name: 'call.startup',
    summary: 'Call somebody; what is heard there becomes the stream `toStream`, and is pushed to `rtmpUrl`. 409 when the call id or the stream is in use',
    role: 'admin',
    input: startup,
    cli: { positional: ['callee', 'toStream'] },
    handler: async (wish, { caller }) => rowOf(await board.startup(wish, accountOf(wish), caller.address)),
  });
  operations.register({
    name: 'call.find',
    summary: 'Calls that match every field given; 404 when there are none',
    role: 'viewer',
    input: filter,
    cli: { positional: ['callId'] },
    handler: ({ rtmpUrl, ...wanted }) => found(calls.matching(wanted as Parameters<typeof calls.matching>[0]).filter((call) => rtmpUrl === undefined || board.rtmpUrlOf(call) === rtmpUrl)),
  });
  operations.register({ name: 'call.find_all', summary: 'All calls; 404 when there are none', role: 'viewer', input: z.object({}), handler: () => found(calls.all) });
  operations.register({
    name: 'call.terminate',
    summary: 'Hang up',
    role: 'admin',
    input: z.object({ callId }),
    cli: { positional: ['callId'] },
    handler: (wish) => calls.get(wish.callId).hangUp(),
  });
  operations.register({
    name: 'call.send_dtmf',
    summary: 'Press keys in a call: RFC2833 within the media, INFO and INFO_RELAY beside it',
    role: 'admin',
    input: z.object({ callId, dtmf: z.union([z.string(), z.number()]).transform(String).pipe(z.string().regex(/^[0-9A-Da-d*#]{1,64}$/, 'keys are 0-9, *, # and A-D')), type: z.enum(METHODS).default('RFC2833') }),
    cli: { positional: ['callId', 'dtmf'] },
    handler: ({ callId, dtmf, type }) => calls.get(callId).pressKeys(dtmf, type),
  });
  registerInjections(operations, board);
}

/** Streams and sounds into a call. */
function registerInjections(operations: PluginContext['operations'], board: Switchboard): void {
  const { calls } = board;
  operations.register({
    name: 'call.inject_stream.startup',
    aliases: ['call.inject_stream'],
    summary: 'Let the other side of a call hear and see a stream',
    role: 'admin',
    input: injection,
    cli: { positional: ['callId', 'streamName'] },
    handler: ({ callId, streamName }, { caller, signal }) => board.inject(calls.get(callId), parseStreamName(streamName), caller.address, signal),
  });
  operations.register({
    name: 'call.inject_sound',
    summary: 'Let the other side of a call hear a file of the media folder; 404 when it is not there',
    role: 'admin',
    input: z.object({ callId, fileName: z.string().min(1).max(1024) }),
    cli: { positional: ['callId', 'fileName'] },
    handler: async ({ callId, fileName }, { caller, signal }) => {
      try {
        await board.inject(calls.get(callId), parseStreamName(`vod://${fileName.split('/').map(encodeURIComponent).join('/')}`), caller.address, signal);
      } catch (error) {
        if (error instanceof WcsError && error.code === 'MEDIA_E_FILE') throw new WcsError('MEDIA_E_NOT_FOUND', error.message, { cause: error });
        throw error;
      }
    },
  });
  operations.register({
    name: 'call.inject_stream.terminate',
    summary: 'End what `inject_stream` has begun',
    role: 'admin',
    input: z.object({ callId, streamName: z.string().optional() }),
    cli: { positional: ['callId'] },
    handler: ({ callId }) => board.endInjection(calls.get(callId)),
  });
}

function found(matching: readonly Call[]): readonly Readonly<Record<string, unknown>>[] {
  if (matching.length === 0) throw new WcsError('SESSION_E_NOT_FOUND', 'Call not found');
  return matching.map(rowOf);
}
