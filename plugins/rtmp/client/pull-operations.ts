import { looseBoolean, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { RtmpSettings } from '../server/settings.ts';
import { parseRelayAddress } from '../session/relay-address.ts';
import { isSameTarget, type Pull, type Relays } from './relays.ts';

const wish = z.object({
  uri: z.string().min(1).max(2048),
  localStreamName: z.string().min(1).optional().describe('Name of the stream on this server; default: the URI'),
  hasAudio: looseBoolean().default(true),
  hasVideo: looseBoolean().default(true),
  record: looseBoolean().default(false).describe('Record the stream, where the recorder is enabled'),
});

/** The operation that records a stream, whichever plugin has it. */
const START_RECORDING = 'stream.startRecording';

/** `pull.rtmp.*`: streams of other RTMP servers. */
export function registerPullOperations(ctx: PluginContext<RtmpSettings>, relays: Relays): void {
  ctx.operations.register({
    name: 'pull.rtmp.pull',
    summary: 'Pull a stream of an RTMP server; answers once it comes',
    role: 'admin',
    input: wish,
    cli: { positional: ['uri', 'localStreamName'] },
    handler: async ({ localStreamName, ...rest }, call) => {
      const canRecord = ctx.operations.list().some(({ name }) => name === START_RECORDING);
      if (rest.record && !canRecord) throw new WcsError('OPERATION_E_INPUT', 'Recording needs the recorder, which is not enabled.');
      const pull = await relays.pull({ ...rest, localStreamName: localStreamName ?? rest.uri, lasting: true, caller: call.caller.address });
      if (rest.record) await ctx.operations.call(START_RECORDING, { mediaSessionId: pull.media.facts.streamId }, call);
      return row(pull);
    },
  });
  ctx.operations.register({
    name: 'pull.rtmp.find_all',
    summary: 'All streams pulled from RTMP servers, also those that readers asked for; 404 when there are none',
    role: 'viewer',
    input: z.object({}),
    handler: () => found(relays.pulls).map(row),
  });
  ctx.operations.register({
    name: 'pull.rtmp.terminate',
    summary: 'End every pull of an address',
    role: 'admin',
    input: z.object({ uri: z.string().min(1) }),
    cli: { positional: ['uri'] },
    handler: ({ uri }) => {
      const wanted = parseRelayAddress(uri, true);
      for (const pull of found(relays.pulls.filter(({ order }) => isSameTarget(order.address, wanted)))) pull.end('Stopped by rest /terminate');
    },
  });
}

/** The WCS "agent" object. */
function row({ session, order, media, status, lastError }: Pull): Readonly<Record<string, unknown>> {
  return {
    localMediaSessionId: session.id,
    remoteMediaSessionId: session.id,
    localStreamName: order.localName === order.url ? order.shownUrl : order.localName,
    remoteStreamName: order.address.streamName,
    uri: order.shownUrl,
    status,
    hasAudio: order.hasAudio,
    hasVideo: order.hasVideo,
    record: order.record,
    width: media.facts.width,
    height: media.facts.height,
    ...(lastError === undefined ? {} : { lastError }),
  };
}

function found(pulls: readonly Pull[]): readonly Pull[] {
  if (pulls.length === 0) throw new WcsError('OPERATION_E_EMPTY', 'Nothing is pulled from an RTMP server.');
  return pulls;
}
