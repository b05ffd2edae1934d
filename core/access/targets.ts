import { classifyAddress } from './ip-address.ts';
import { checkTarget, isAllowedAddress, type TargetPolicy, type ResolvedTarget, type ResolveHost } from './ssrf-guard.ts';

/** What an operator lets URLs from outside name: `network` of wcs.yml. */
export interface TargetSettings {
  readonly allowPrivateTargets: boolean;
  readonly allowedTargets: readonly string[];
}

/** The one gate of outgoing connections: every URL that somebody gave is judged here at each connect, redirect and reconnect. */
export class Targets {
  readonly #settings: () => TargetSettings;
  readonly #resolve: ResolveHost | undefined;

  constructor(settings: () => TargetSettings, resolve?: ResolveHost) {
    this.#settings = settings;
    this.#resolve = resolve;
  }

  /**
   * Resolves the host of a URL and judges its addresses.
   *
   * @param caller IP address of who named the URL; one on this machine may name this machine
   * @throws WcsError ACCESS_E_REFUSED saying which setting would allow it, NET_E_HOST_UNKNOWN
   */
  check(url: string | URL, caller: string | undefined): Promise<ResolvedTarget> {
    return checkTarget(url, this.#policyFor(caller), this.#resolve);
  }

  /**
   * Judges a numeric address that a peer gave, where datagrams are to be sent: no name is resolved for it, so that it
   * may be asked at any moment. Names among the allowed targets don't count.
   *
   * @param caller as for `check`
   */
  allows(address: string, caller: string | undefined): boolean {
    return isAllowedAddress(address, this.#policyFor(caller));
  }

  #policyFor(caller: string | undefined): TargetPolicy {
    const { allowPrivateTargets, allowedTargets } = this.#settings();
    const allowLoopback = caller !== undefined && classifyAddress(caller) === 'loopback';
    return { allowLoopback, allowPrivate: allowPrivateTargets, allowed: allowedTargets };
  }
}
