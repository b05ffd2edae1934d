import { type TransferStatus } from 'wcs-core';
import type { DialogRequest } from './exchange.ts';
import type { SrfDialog, SrfResponse } from './srf.ts';
import { parseNameAddr } from '../engine/wire/name-addr.ts';

/** How far it goes; what comes late changes nothing. */
const ORDER: Readonly<Record<TransferStatus, number>> = { ACCEPTED: 1, TRYING: 2, COMPLETED: 3, FAILED: 3 };

/** Plain data of a `Transfer`. */
export interface TransferState {
  /** As the client named it. */
  readonly target: string;
  readonly status: TransferStatus | undefined;
}

/** Sends the peer of a call to somebody else, and follows what becomes of that. @see RFC 3515, RFC 5589 */
export class Transfer {
  readonly #onStatus: (target: string, status: TransferStatus) => void;
  #state: TransferState;

  constructor(state: TransferState, onStatus: (target: string, status: TransferStatus) => void) {
    this.#state = state;
    this.#onStatus = onStatus;
  }

  exportState(): TransferState {
    return this.#state;
  }

  /** @param referTo URI of who is to be called @param referredBy our own */
  async begin(referTo: string, referredBy: string, send: (request: DialogRequest) => Promise<SrfResponse>): Promise<void> {
    try {
      const { status, reason } = await send({ method: 'REFER', headers: { 'Refer-To': `<${referTo}>`, 'Referred-By': `<${referredBy}>` } });
      if (status >= 300) throw new Error(`${status} ${reason}`);
      this.#reach('ACCEPTED');
    } catch (error) {
      this.#reach('FAILED');
      throw error;
    }
  }

  /** @param statusCode of the new call @param isLast nothing more will be told: without a final status nobody knows whether it was answered */
  onNotify(statusCode: number | undefined, isLast: boolean): void {
    if (statusCode !== undefined && statusCode >= 200) this.#reach(statusCode < 300 ? 'COMPLETED' : 'FAILED');
    else this.#reach(isLast ? 'FAILED' : 'TRYING');
  }

  #reach(status: TransferStatus): void {
    const before = this.#state.status;
    if (before !== undefined && ORDER[before] >= ORDER[status]) return;
    this.#state = { ...this.#state, status };
    this.#onStatus(this.#state.target, status);
  }
}

/** The other side of a dialog, with the dialog itself that a new call is to take the place of. @see RFC 3891 section 6, RFC 5589 section 7 */
export function replacing({ type, req, sip: { callId, localTag, remoteTag } }: SrfDialog): string {
  const address = parseNameAddr(req.get(type === 'uac' ? 'to' : 'from') ?? '');
  return `${address?.uri ?? ''}?Replaces=${encodeURIComponent(`${callId};to-tag=${remoteTag};from-tag=${localTag}`)}`;
}
