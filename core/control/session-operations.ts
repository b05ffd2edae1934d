import { z } from 'zod';
import { shownStreamName } from '../access/stream-name.ts';
import { WcsError } from '../errors/wcs-error.ts';
import type { Operations } from '../operations/operations.ts';
import type { Session, Sessions } from '../sessions/sessions.ts';

const filter = z.object({
  protocol: z.string().optional(),
  plugin: z.string().optional(),
  streamName: z.string().optional(),
  user: z.string().optional(),
});

function sessionRow(session: Session): Readonly<Record<string, unknown>> {
  const { peer } = session;
  return {
    sessionId: session.id,
    protocol: session.protocol,
    role: session.role,
    state: session.state,
    streamName: session.streamName === undefined ? undefined : shownStreamName(session.streamName),
    user: session.user,
    peer: peer === undefined ? undefined : `${peer.address}:${peer.port}`,
    since: new Date(session.startedAtMs).toISOString(),
    bytesIn: session.bytesIn(),
    bytesOut: session.bytesOut(),
    ...session.info,
  };
}

/** `session.*` and the WCS names `connection.*`: who is connected, and the way to end it. */
export function registerSessionOperations(operations: Operations, sessions: Sessions): void {
  operations.register({
    name: 'session.list',
    summary: 'Sessions of all protocols, narrowed by any field given',
    role: 'viewer',
    input: filter,
    handler: (wanted) => sessions.list(definedOnly(wanted)).map(sessionRow),
  });
  operations.register({
    name: 'connection.find_all',
    summary: 'Client sessions of all protocols; 404 when there are none',
    role: 'viewer',
    input: z.object({}),
    handler: () => {
      const rows = sessions.list({ kind: 'client' }).map(sessionRow);
      if (rows.length === 0) throw new WcsError('SESSION_E_NOT_FOUND', 'Nobody is connected.');
      return rows;
    },
  });
  operations.register({
    name: 'session.kill',
    summary: 'End a session with its protocol\'s own goodbye',
    role: 'admin',
    aliases: ['connection.terminate'],
    input: z.object({ sessionId: z.string() }),
    cli: { positional: ['sessionId'] },
    handler: ({ sessionId }) => sessions.kill(sessionId, 'Stopped by rest /terminate'),
  });
}

/** Without the keys whose value is undefined: a filter on "no stream name" is not meant. */
function definedOnly<T extends object>(wanted: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
