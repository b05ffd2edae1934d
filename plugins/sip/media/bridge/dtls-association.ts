import { ProtocolError } from 'wcs-core';
import { FinishedAssociation, type DtlsRemnant } from 'wcs-core/rtp/dtls/remnant';
import { DtlsHandshake, type DtlsIdentity, type DtlsResult } from 'wcs-core/rtp/dtls/handshake';
import type { LineSecurity } from '../session/sdp-dialogue.ts';
import type { MediaAddress } from '../session/source-latch.ts';

/** Handshakes that one port takes part in: a peer needs one. */
const HANDSHAKES_MAX = 8;
/** Of those with who is not where the description says: strangers shall not use up all. */
const HANDSHAKES_ELSEWHERE_MAX = 4;
/** A handshake that takes longer has lost its peer: the next ClientHello begins anew. */
const HANDSHAKE_MAX_MS = 10_000;

/** Keys of both directions. */
export type AssociationKeys = Pick<DtlsResult, 'localKeys' | 'remoteKeys'>;

/** What an association needs, and whom it tells. */
export interface AssociationHost {
  readonly identity: DtlsIdentity;
  send(datagram: Uint8Array, to: MediaAddress): void;
  onKeys(keys: AssociationKeys): void;
  /** Who spoke from there is not whom the description names. @param detail for the log */
  onFailed(info: string, detail: string, from: MediaAddress): void;
  /** We have begun, and there was no answer. */
  onSilence(): void;
}

/** Plain data of a finished `DtlsAssociation`. */
export interface AssociationState extends AssociationKeys {
  readonly remnant: DtlsRemnant;
}

interface Handshake {
  readonly dtls: DtlsHandshake;
  readonly from: MediaAddress;
  /** The other side has said something. */
  heard: boolean;
  /** It comes from where the description says that the peer is. */
  readonly isSignalled: boolean;
  readonly beganMs: number;
}

/** DTLS on one port of a call, as the side that begins, or that waits for the other one to do so. @see RFC 5763, RFC 5764 */
export class DtlsAssociation {
  readonly #host: AssociationHost;
  readonly #security: Extract<LineSecurity, { type: 'dtls' }>;
  #handshake: Handshake | undefined;
  #handshakes = 0;
  #finished: { readonly association: FinishedAssociation; readonly keys: AssociationKeys } | undefined;

  constructor(host: AssociationHost, security: Extract<LineSecurity, { type: 'dtls' }>, state?: AssociationState) {
    this.#host = host;
    this.#security = security;
    if (state !== undefined) this.#finished = { association: new FinishedAssociation(state.remnant), keys: state };
  }

  /** True while a handshake is under way, which no other version could go on with; where nothing has been answered, it can begin anew. */
  get busy(): boolean {
    return this.#handshake?.heard === true;
  }

  exportState(): AssociationState | undefined {
    const finished = this.#finished;
    if (finished === undefined) return undefined;
    const { localKeys, remoteKeys } = finished.keys;
    return { localKeys, remoteKeys, remnant: finished.association.state };
  }

  /** Begins with who is there, if that is up to us. */
  begin(to: MediaAddress): void {
    if (this.#security.role !== 'client' || this.#finished !== undefined || this.#handshake?.heard === true) return;
    this.close();
    if (this.#handshakes >= HANDSHAKES_MAX) return;
    this.#handshakes++;
    this.#handshake = { dtls: this.#open(to), from: to, isSignalled: true, beganMs: 0, heard: false };
    this.#handshake.dtls.start();
  }

  /** Takes a DTLS datagram. Never throws for what a peer sent. */
  onDatagram(datagram: Buffer, from: MediaAddress, isSignalled: boolean, nowMs: number): void {
    try {
      if (this.#finished === undefined) this.#handshakeWith(from, isSignalled, nowMs)?.onDatagram(datagram);
      // That it closes says nothing: calls end by their signalling.
      else this.#finished.association.onDatagram(datagram, (answer) => this.#host.send(answer, from));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  close(): void {
    this.#handshake?.dtls.abort();
    this.#handshake = undefined;
  }

  #handshakeWith(from: MediaAddress, isSignalled: boolean, nowMs: number): DtlsHandshake | undefined {
    const current = this.#handshake;
    const isCurrent = current !== undefined && current.from.address === from.address && current.from.port === from.port;
    if (this.#security.role === 'client') {
      if (!isCurrent) return undefined;
      current.heard = true;
      return current.dtls;
    }
    const isLate = current !== undefined && nowMs - current.beganMs >= HANDSHAKE_MAX_MS;
    if (current !== undefined && !isLate) {
      if (isCurrent) return current.dtls;
      if (current.isSignalled || !isSignalled) return undefined;
    }
    if (this.#handshakes >= (isSignalled ? HANDSHAKES_MAX : HANDSHAKES_ELSEWHERE_MAX)) return undefined;
    this.close();
    this.#handshakes++;
    const dtls = this.#open(from);
    this.#handshake = { dtls, from, isSignalled, beganMs: nowMs, heard: true };
    return dtls;
  }

  #open(peer: MediaAddress): DtlsHandshake {
    const { fingerprints, role } = this.#security;
    return new DtlsHandshake(this.#host.identity, fingerprints, {
      send: (datagram) => this.#host.send(datagram, peer),
      onConnected: ({ remnant, localKeys, remoteKeys }) => {
        this.#handshake = undefined;
        this.#finished = { association: new FinishedAssociation(remnant), keys: { localKeys, remoteKeys } };
        this.#host.onKeys({ localKeys, remoteKeys });
      },
      onFailed: (info, detail) => {
        this.#handshake = undefined;
        this.#host.onFailed(info, detail, peer);
      },
      onSilence: () => {
        this.#handshake = undefined;
        this.#host.onSilence();
      },
    }, role);
  }
}
