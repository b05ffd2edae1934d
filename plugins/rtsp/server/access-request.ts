import type { AccessRequest, Connection, PluginSession } from 'wcs-core';
import type { Question } from '../session/session-state.ts';

/** What the access chain is asked for a peer. The password that it has shown is not among it. */
export function accessRequestOf({ id }: PluginSession, { remoteAddress, remotePort }: Connection, { action, name, params, user }: Question, userAgent = ''): AccessRequest {
  const peer = { address: remoteAddress, port: remotePort };
  return { action, protocol: 'rtsp', streamName: name, params, userAgent, peer, sessionId: id, ...(user === undefined ? {} : { credentials: { user } }) };
}
