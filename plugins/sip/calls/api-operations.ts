import { looseBoolean, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import { accountFields, accountOf, callFields, callId, rowOf } from './operation-fields.ts';
import type { RestSession } from './rest-sessions.ts';
import type { Switchboard } from './switchboard.ts';

const login = z.object({ sipLogin: z.string().min(1) });

/** `api.*`: a SIP client that is driven by REST alone, by its `sipLogin`. @see WCS REST section 10 */
export function registerApiOperations(operations: PluginContext['operations'], board: Switchboard): void {
  const { calls, sessions } = board;
  /** The connection, without its password. */
  const row = (session: RestSession): Readonly<Record<string, unknown>> => {
    const { account } = session;
    return {
      ...{ sipLogin: account.login, sipAuthenticationName: account.authenticationName, sipDomain: account.domain, sipOutboundProxy: account.outboundProxy, sipPort: account.port },
      ...{ sipRegisterRequired: account.registerRequired, sipVisibleName: account.visibleName, status: sessions.statusOf(session) },
    };
  };
  operations.register({
    name: 'api.create-session',
    summary: 'Bring a telephone account, and register it where `sipRegisterRequired` says so; 409 when its `sipLogin` is there',
    role: 'admin',
    input: z.object({ ...accountFields, sipVisibleName: z.string().default(''), appKey: z.string().optional() }),
    cli: { positional: ['sipLogin', 'sipDomain'] },
    handler: ({ sipVisibleName, ...fields }, { caller }) => row(sessions.create({ account: { ...accountOf(fields), visibleName: sipVisibleName }, callerAddress: caller.address })),
  });
  operations.register({
    name: 'api.find_all',
    summary: 'Accounts that were brought by `api.create-session`; 404 when there are none',
    role: 'viewer',
    input: z.object({}),
    handler: () => {
      if (sessions.all.length === 0) throw new WcsError('SESSION_E_NOT_FOUND', 'Session not found');
      return sessions.all.map(row);
    },
  });
  operations.register({
    name: 'api.terminate',
    summary: 'Hang up the calls of an account and take it out',
    role: 'admin',
    input: login,
    cli: { positional: ['sipLogin'] },
    handler: ({ sipLogin }) => sessions.terminate(sipLogin),
  });
  operations.register({
    name: 'api.call',
    summary: 'Call somebody from an account; what is heard there becomes the stream `toStream`',
    role: 'admin',
    input: login.extend({ ...callFields, hasVideo: looseBoolean().default(false) }),
    cli: { positional: ['sipLogin', 'callee'] },
    handler: async ({ sipLogin, ...wish }, { caller }) => rowOf(await board.startup(wish, sessions.get(sipLogin).account, caller.address)),
  });
  operations.register({ name: 'api.hangup', summary: 'Hang up', role: 'admin', input: z.object({ callId }), cli: { positional: ['callId'] }, handler: (wish) => calls.get(wish.callId).hangUp() });
}
