import { targetKey, type Target } from '../engine/session/target.ts';

/** Intervals are up to this much shorter, so that not everything is asked at once. @see RFC 5626 section 4.4.1 */
const SPREAD = 0.2;
/** Accounts whose way is lost register anew one after the other, in about so long for each. */
const RENEW_EACH_MS = 10;

/** An account that is registered over some way. */
export interface KeptAccount {
  /** Where its registrar answered from; undefined while it is not registered. */
  readonly flow: Target | undefined;
  /** Registers anew after so long. */
  renew(delayMs: number): void;
  /** Asks the registrar by OPTIONS; false without an answer. */
  probe(): Promise<boolean>;
}

/** How ways are kept open. */
export interface FlowKeeperOptions {
  readonly method: 'crlf' | 'options' | 'off';
  readonly intervalMs: number;
  accounts(): Iterable<KeptAccount>;
  /** Sends CRLF CRLF; false where there is no connection any more. */
  ping(flow: Target): boolean;
  background(work: Promise<void>): void;
}

/** Keeps the ways to registrars open through address translators, and has accounts register anew whose way is lost. @see RFC 5626 section 4.4 */
export class FlowKeeper {
  readonly #options: FlowKeeperOptions;
  #dueMs = 0;

  constructor(options: FlowKeeperOptions) {
    this.#options = options;
  }

  tick(nowMs: number): void {
    const { method, intervalMs } = this.#options;
    if (method === 'off' || nowMs < this.#dueMs) return;
    this.#dueMs = nowMs + intervalMs * (1 - SPREAD * Math.random());
    const flows = new Map<string, KeptAccount>();
    for (const account of this.#options.accounts()) if (account.flow !== undefined) flows.set(targetKey(account.flow), account);
    for (const account of flows.values()) this.#keep(account, method);
  }

  /** A connection has gone. */
  onLost(flow: Target): void {
    const key = targetKey(flow);
    this.renew([...this.#options.accounts()].filter((account) => account.flow !== undefined && targetKey(account.flow) === key));
  }

  /** Has accounts register anew, one after the other. */
  renew(accounts: readonly KeptAccount[]): void {
    for (const account of accounts) account.renew(Math.random() * accounts.length * RENEW_EACH_MS);
  }

  #keep(account: KeptAccount, method: 'crlf' | 'options'): void {
    const { flow } = account;
    if (flow === undefined) return;
    if (method === 'crlf') {
      if (!this.#options.ping(flow)) this.onLost(flow);
      return;
    }
    const probed = async (): Promise<void> => {
      if (!(await account.probe())) this.onLost(flow);
    };
    this.#options.background(probed());
  }
}
