/** An address of the network. */
export interface MediaAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * Whom to believe: `signalled` only the address that the peer has described, from whatever port; `learned` also whoever
 * comes first, as phones behind address translators need it.
 */
export type LatchMode = 'signalled' | 'learned';

/** Plain data of a `SourceLatch`. */
export interface SourceLatchState {
  readonly signalled: MediaAddress;
  readonly learned: MediaAddress | undefined;
  /** Monotonic milliseconds. */
  readonly openUntilMs: number;
  readonly heardMs: number;
  readonly ssrc: number | undefined;
}

/** After a description came, the peer's media may turn up at another address for so long. */
const LEARNING_MS = 5000;
/** After such a silence the same source may go on from another address. */
const SILENT_MS = 3000;

/**
 * Symmetric RTP: sends to where media comes from. Learns one address, within a short time after a description, of the
 * same address family; whoever comes later is nobody. @see RFC 4961, RFC 7362
 */
export class SourceLatch {
  readonly #mode: LatchMode;
  #signalled: MediaAddress = { address: '', port: 0 };
  #learned: MediaAddress | undefined;
  #openUntilMs = 0;
  #heardMs = -Infinity;
  #ssrc: number | undefined;

  constructor(mode: LatchMode, state?: SourceLatchState) {
    this.#mode = mode;
    if (state === undefined) return;
    this.#signalled = state.signalled;
    this.#learned = state.learned;
    this.#openUntilMs = state.openUntilMs;
    this.#heardMs = state.heardMs;
    this.#ssrc = state.ssrc;
  }

  exportState(): SourceLatchState {
    return { signalled: this.#signalled, learned: this.#learned, openUntilMs: this.#openUntilMs, heardMs: this.#heardMs, ssrc: this.#ssrc };
  }

  /** Where to send. */
  get destination(): MediaAddress {
    return this.#learned ?? this.#signalled;
  }

  /** The peer has described where it is; the same as before changes nothing. */
  describe(signalled: MediaAddress, nowMs: number): void {
    if (isSame(signalled, this.#signalled)) return;
    this.#signalled = signalled;
    this.#learned = undefined;
    this.#openUntilMs = nowMs + LEARNING_MS;
  }

  /** Whether a plausible packet from there is the peer's. */
  admit(from: MediaAddress, ssrc: number, nowMs: number): boolean {
    const isKnown = isSame(from, this.destination);
    if (!isKnown && !this.#mayLearn(from, ssrc, nowMs)) return false;
    if (!isKnown || this.#learned === undefined) this.#learned = { address: from.address, port: from.port };
    this.#heardMs = nowMs;
    this.#ssrc = ssrc;
    return true;
  }

  /** Whether the peer may be there, once it has proved who it is. */
  mayBe({ address }: MediaAddress): boolean {
    return this.#mode === 'signalled' ? address === this.#signalled.address : this.#isSameFamily(address);
  }

  #isSameFamily(address: string): boolean {
    return address.includes(':') === this.#signalled.address.includes(':');
  }

  #mayLearn({ address }: MediaAddress, ssrc: number, nowMs: number): boolean {
    const isSignalled = address === this.#signalled.address;
    if (!this.#isSameFamily(address) || (this.#mode === 'signalled' && !isSignalled)) return false;
    if (this.#learned === undefined) return nowMs < this.#openUntilMs || isSignalled;
    return nowMs - this.#heardMs >= SILENT_MS && ssrc === this.#ssrc;
  }
}

function isSame(a: MediaAddress, b: MediaAddress): boolean {
  return a.port === b.port && a.address === b.address;
}
