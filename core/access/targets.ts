import { classifyAddress } from './ip-address.ts';
import { checkTarget, type ResolvedTarget, type ResolveHost } from './ssrf-guard.ts';

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
    const { allowPrivateTargets, allowedTargets } = this.#settings();
    const allowLoopback = caller !== undefined && classifyAddress(caller) === 'loopback';
    return checkTarget(url, { allowLoopback, allowPrivate: allowPrivateTargets, allowed: allowedTargets }, this.#resolve);
  }
}
