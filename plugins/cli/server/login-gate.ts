import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** How many wrong logins an address has, and for how long it then waits. */
export interface LoginLimits {
  readonly attempts: number;
  readonly windowS: number;
  readonly blockS: number;
}

/** Counts login attempts per address; those of an IPv6 network (/64) count as one address. */
export class LoginGate {
  readonly #limiter: RateLimiterMemory;

  constructor({ attempts, windowS, blockS }: LoginLimits) {
    this.#limiter = new RateLimiterMemory({ points: attempts, duration: windowS, blockDuration: blockS, keyPrefix: '' });
  }

  /**
   * Counts an attempt before it is judged, so that many at once gain nothing. `blocks`: from now on the address has to
   * wait; `blocked`: it still has to.
   */
  async enter(address: string): Promise<'open' | 'blocks' | 'blocked'> {
    try {
      await this.#limiter.consume(networkOf(address));
      return 'open';
    } catch (refusal) {
      return refusal instanceof RateLimiterRes && refusal.consumedPoints === this.#limiter.points + 1 ? 'blocks' : 'blocked';
    }
  }

  /** Takes back the count of an attempt that was right. */
  async forgive(address: string): Promise<void> {
    await this.#limiter.reward(networkOf(address));
  }

  /** Forgets all addresses, and the timers that would. */
  async close(): Promise<void> {
    for (const { key } of this.#limiter.dump().storage) await this.#limiter.delete(key);
  }
}

/** The address itself, or the first 64 bits of an IPv6 address: whoever has one of those has them all. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = address.includes('::') ? [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0'), ...right] : left;
  return `${groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
}
