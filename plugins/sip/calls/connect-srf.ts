import { WcsError, type PluginContext } from 'wcs-core';
import type { ControlAccess } from '../engine/server/control-server.ts';
import { srfClasses, type SrfAgent, type SrfHandler } from './srf.ts';

/** How long an engine may take to let us in. */
const CONNECT_TIMEOUT_MS = 5000;

/**
 * Connects drachtio-srf to an engine, and disconnects it with the plugin's scope.
 *
 * @param handlers by method in lower case; requests of other methods are refused by the engine
 * @throws WcsError NET_E_CONNECT when it is not there, or takes another secret
 */
export async function connectSrf(ctx: PluginContext, address: ControlAccess, handlers: Readonly<Record<string, SrfHandler>>): Promise<SrfAgent> {
  const srf = new srfClasses();
  for (const [method, handler] of Object.entries(handlers)) srf.use(method, handler);
  let connected = false;
  ctx.scope.add('drachtio-srf', () => {
    if (connected) srf.disconnect();
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(new WcsError('NET_E_CONNECT', `The SIP engine at ${address.host}:${address.port} does not answer: ${why}`));
    const cancel = ctx.timers.after(CONNECT_TIMEOUT_MS, () => fail('timeout'));
    srf.on('connect', (error: unknown) => {
      cancel();
      connected = true;
      if (error === null || error === undefined) resolve();
      else fail('it refuses the secret');
    });
    srf.on('error', (error: Error) => {
      ctx.log.debug('Connection to the SIP engine', { reason: error.message });
      fail(error.message);
    });
    // The other end is in this process: there is nobody to come back.
    srf.connect({ ...address, reconnect: { maxAttempts: 1 } });
  });
  return srf;
}
