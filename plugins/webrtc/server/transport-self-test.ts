import { randomBytes } from 'node:crypto';
import { messageOf, type PluginContext, type UdpLease } from 'wcs-core';
import { parseStun, STUN_TRANSACTION_ID_BYTES } from '../wire/stun.ts';
import { writeStun } from '../wire/stun-write.ts';

/** Requests to each address, and the time between them. */
const TRIES = 3;
const TRY_MS = 500;

/** An address that clients are told. */
export interface SelfTestTarget {
  readonly address: string;
  readonly port: number;
}

/**
 * Sends a STUN request to every address that clients are told, from a socket of its own, and warns of those that don't
 * answer: clients would wait in vain. The answer is an error response, as the request has no credentials.
 */
export async function checkReachable(ctx: PluginContext, targets: readonly SelfTestTarget[], host?: string): Promise<void> {
  for (const isIpv6 of [false, true]) {
    const family = targets.filter(({ address }) => address.includes(':') === isIpv6);
    if (family.length > 0) await checkFamily(ctx, family, host ?? (isIpv6 ? '::' : undefined));
  }
}

async function checkFamily(ctx: PluginContext, targets: readonly SelfTestTarget[], host: string | undefined): Promise<void> {
  const waiting = new Map(targets.map((target) => [randomBytes(STUN_TRANSACTION_ID_BYTES).toString('hex'), target]));
  const onAnswer = (datagram: Buffer): void => {
    try {
      waiting.delete(parseStun(datagram).transactionId.toString('hex'));
    } catch {
      // Somebody else's: the test goes on.
    }
  };
  const lease = await ctx.listen.udp({ port: 0, ...(host === undefined ? {} : { host }) }, onAnswer).catch((error: unknown) => {
    ctx.log.info('The advertised addresses cannot be tested.', { reason: messageOf(error) });
  });
  if (lease === undefined) return;
  try {
    for (let tries = 0; tries < TRIES && waiting.size > 0; tries++) await askAgain(ctx, lease, waiting);
  } finally {
    lease.release();
  }
  for (const { address, port } of waiting.values()) {
    ctx.log.warn(
      `WebRTC clients are told ${address}, but UDP port ${port} does not answer there. Forward UDP and TCP ${port} to this server, or set plugins.webrtc.advertise to an address where it is reached; behind NAT without hairpinning this test fails although clients outside get through.`,
      { address, port },
    );
  }
}

function askAgain(ctx: PluginContext, lease: UdpLease, waiting: ReadonlyMap<string, SelfTestTarget>): Promise<void> {
  for (const [transaction, { address, port }] of waiting) {
    lease.send(writeStun({ class: 'request', transactionId: Buffer.from(transaction, 'hex'), attributes: [] }), port, address);
  }
  return new Promise((resolve) => {
    ctx.timers.after(TRY_MS, resolve);
  });
}
