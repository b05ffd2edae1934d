import { createHash } from 'node:crypto';
import { WcsError, type PluginContext } from 'wcs-core';
import type { SipPlace } from '../engine/sip-stack.ts';
import { connectSrf } from './connect-srf.ts';
import type { SrfAgent, SrfDialog, SrfHandler } from './srf.ts';

/** A drachtio-srf, and the place that it is connected to. */
export interface AgentPlace extends Pick<SipPlace, 'name' | 'connected' | 'holds'> {
  readonly srf: SrfAgent;
}

/** The agents that requests go out by: one for each place. A user's go by the same one as long as requests get through there. */
export class Agents {
  readonly #places: readonly AgentPlace[];

  /** @param places at least one */
  constructor(places: readonly AgentPlace[]) {
    this.#places = places;
  }

  /**
   * Connects drachtio-srf to each place.
   *
   * @param handlers by method in lower case
   * @throws WcsError NET_E_CONNECT
   */
  static async connect(ctx: PluginContext, places: readonly SipPlace[], handlers: Readonly<Record<string, SrfHandler>>): Promise<Agents> {
    const connected = places.map(async (place): Promise<AgentPlace> => {
      const srf = await connectSrf(ctx, place.access, handlers);
      await place.routed();
      return { name: place.name, srf, holds: (id) => place.holds(id), get connected() { return place.connected; } };
    });
    return new Agents(await Promise.all(connected));
  }

  /**
   * The place of a user: the one of greatest weight among those that are connected, so that a place that is lost moves nobody
   * but its own users, and they come back when it does.
   *
   * @param user `sip:login@domain`
   * @param transactionId of an INVITE that is to be taken over: where it waits
   */
  of(user: string, transactionId?: string): AgentPlace {
    const holder = transactionId === undefined ? undefined : this.#places.find((place) => place.holds(transactionId));
    if (holder !== undefined) return holder;
    const connected = this.#places.filter((place) => place.connected);
    const [first, ...others] = connected.length > 0 ? connected : this.#places;
    if (first === undefined) throw new WcsError('NET_E_CONNECT', 'There is no SIP engine');
    return others.reduce((best, place) => (weightOf(user, place) > weightOf(user, best) ? place : best), first);
  }

  /** By the name of its place. */
  named(name: string): AgentPlace | undefined {
    return this.#places.find((place) => place.name === name);
  }

  nameOf({ srf }: SrfDialog): string {
    return this.#places.find((place) => place.srf === srf)?.name ?? '';
  }

  findDialog(id: string): SrfDialog | undefined {
    return this.#places.flatMap(({ srf }) => srf.findDialogById(id) ?? [])[0];
  }
}

function weightOf(user: string, { name }: AgentPlace): number {
  return createHash('sha256').update(`${name} ${user}`).digest().readUIntBE(0, 6);
}
