import { parseStreamName, shownStreamName, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { Pull } from './pull.ts';
import type { Pulls } from './pulls.ts';

const filter = z.object({ uri: z.string().optional(), status: z.string().optional() });

/** The WCS answer; the password of an address is not shown. */
function row(pull: Pull): Readonly<Record<string, unknown>> {
  const [name] = pull.names.filter((each) => each !== pull.uri);
  return { uri: shownStreamName(pull.uri), status: pull.status, toStream: name, transport: pull.transport, sessionId: pull.session.id };
}

/** `rtsp.*`: pulls that somebody asked for. @see WCS REST, "From an IP camera via RTSP" */
export function registerPullOperations(operations: PluginContext['operations'], pulls: Pulls): void {
  const found = (wanted: z.output<typeof filter>): readonly Pull[] => {
    const matching = pulls.all.filter(
      (pull) => (wanted.uri === undefined || wanted.uri === pull.uri || wanted.uri === shownStreamName(pull.uri)) && (wanted.status === undefined || wanted.status === pull.status),
    );
    if (matching.length === 0) throw new WcsError('MEDIA_E_NOT_FOUND', 'Rtsp stream not found');
    return matching;
  };
  operations.register({
    name: 'rtsp.startup',
    summary: 'Pull a camera or server by its rtsp:// address; 409 when it is pulled already',
    role: 'admin',
    input: z.object({ uri: z.string().regex(/^rtsps?:\/\//i, 'must begin with rtsp:// or rtsps://'), toStream: z.string().min(1).optional() }),
    cli: { positional: ['uri', 'toStream'] },
    handler: ({ uri, toStream }, { caller }) => pulls.startup(parseStreamName(uri), toStream === undefined ? undefined : parseStreamName(toStream), caller.address),
  });
  operations.register({
    name: 'rtsp.find',
    summary: 'Pulls that match every field given; 404 when there are none',
    role: 'viewer',
    input: filter,
    cli: { positional: ['uri'] },
    handler: (wanted) => found(wanted).map(row),
  });
  operations.register({ name: 'rtsp.find_all', summary: 'All pulls; 404 when there are none', role: 'viewer', input: z.object({}), handler: () => found({}).map(row) });
  operations.register({
    name: 'rtsp.terminate',
    summary: 'End a pull and its streams',
    role: 'admin',
    input: z.object({ uri: z.string() }),
    cli: { positional: ['uri'] },
    handler: ({ uri }) => {
      for (const pull of found({ uri })) pulls.terminate(pull);
    },
  });
}
