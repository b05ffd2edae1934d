import { messageOf, type PluginSession } from 'wcs-core';
import type { CallMedia } from './call-media.ts';
import type { DialogRequest } from './exchange.ts';
import type { SrfDialog, SrfResponse } from './srf.ts';

/** What holding needs of its call. */
export interface HoldingHost {
  readonly session: PluginSession;
  /** Undefined while the call is not established, or over. */
  parts(): { readonly dialog: SrfDialog; readonly media: CallMedia } | undefined;
  send(dialog: SrfDialog, request: DialogRequest): Promise<SrfResponse>;
  /** It holds now, or goes on. */
  onChanged(): void;
}

/** Asks the peer of a call not to send, and to go on: one change at a time, and the last wish counts. @see RFC 3264 section 8.4 */
export class Holding {
  readonly #host: HoldingHost;
  #wanted = false;
  #busy = false;

  constructor(host: HoldingHost) {
    this.#host = host;
  }

  hold(held: boolean): void {
    this.#wanted = held;
    if (!this.#busy) this.#host.session.background(this.#fulfil());
  }

  async #fulfil(): Promise<void> {
    this.#busy = true;
    try {
      while (await this.#change(this.#wanted));
    } finally {
      this.#busy = false;
    }
  }

  /** True when there may be more to do; what the peer refuses stays as it is. The engine repeats what crosses a change of the peer. */
  async #change(held: boolean): Promise<boolean> {
    const parts = this.#host.parts();
    if (parts === undefined || parts.media.held === held) return false;
    const { dialog, media } = parts;
    try {
      const sdp = media.offer(held);
      const response = await this.#host.send(dialog, { method: 'INVITE', headers: { Contact: dialog.local.contact }, body: sdp });
      if (response.status >= 300) throw new Error(`${response.status} ${response.reason}`);
      dialog.local.sdp = sdp;
      dialog.remote.sdp = response.body;
      media.accept(response.body);
    } catch (error) {
      media.offer(!held);
      this.#host.session.log.debug('The media could not be changed', { reason: messageOf(error) });
      return false;
    }
    this.#host.onChanged();
    return true;
  }
}
