import { WcsError, type PluginContext } from 'wcs-core';
import { srfClasses, type SrfAgent } from './srf.ts';

/** How long an engine may take to let us in. */
const CONNECT_TIMEOUT_MS = 5000;

/** Where an engine listens for its application. */
export interface EngineAddress {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/**
 * Connects drachtio-srf to an engine, and disconnects it with the plugin's scope.
 *
 * @param reconnects whether a lost connection is made anew: of a server elsewhere, not of the one in this process
 * @throws WcsError NET_E_CONNECT when it is not there, or takes another secret
 */
export async function connectSrf(ctx: PluginContext, address: EngineAddress, reconnects: boolean): Promise<SrfAgent> {
  const srf = new srfClasses();
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
    srf.connect({ ...address, ...(reconnects ? {} : { reconnect: { maxAttempts: 1 } }) });
  });
  return srf;
}
