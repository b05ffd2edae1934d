import type { SrtpOpener } from './cipher.ts';
import { createSrtpCipher } from './create-cipher.ts';
import { deriveSession, type SrtpSession } from './key-derivation.ts';
import { RTCP_CLEAR_BYTES, SRTCP_INDEX_BYTES, SRTP_PROFILE_SIZES, type SrtpKeys, type SrtpProfileSizes } from './keys.ts';
import { ReplayWindow, type ReplayWindowState } from './replay-window.ts';
import { RTCP_SSRC_OFFSET, rtpHeaderBytes, u32At } from './rtp-header.ts';

/** Synchronisation sources that one peer may send, each for RTP and RTCP. */
export const SRTP_SOURCES_MAX = 64;

const SEQUENCE_SPACE = 0x1_0000;
const HALF_SEQUENCE_SPACE = 0x8000;
const RTP_SSRC_OFFSET = 8;

/** Why a packet wasn't opened. `tooShort`: it ends before its header or tag does; `tooManySources`: see `SRTP_SOURCES_MAX`. */
export type SrtpRefusal = 'tooShort' | 'authFailed' | 'replayed' | 'tooManySources';

/** What came in, by outcome; RTP and RTCP together where not said otherwise. */
export interface SrtpReceiverCounters {
  readonly rtp: number;
  readonly rtcp: number;
  readonly tooShort: number;
  readonly authFailed: number;
  readonly replayed: number;
  readonly tooManySources: number;
}

/** Replay window of one source; its highest index holds the roll-over counter. */
export interface SrtpSourceState extends ReplayWindowState {
  readonly ssrc: number;
}

/** Everything that a receiver has learned, as plain data for another receiver with the same keys. */
export interface SrtpReceiverState {
  readonly rtp: readonly SrtpSourceState[];
  readonly rtcp: readonly SrtpSourceState[];
}

/** What a receiver may be given beside its keys. */
export interface SrtpReceiverOptions {
  /** A receiver to go on with. */
  readonly state?: SrtpReceiverState | undefined;
  /** Opens packets in place of node:crypto. */
  readonly openerFor?: (session: SrtpSession) => SrtpOpener;
  /** Told once that the receiver is closed. */
  readonly onClose?: (() => void) | undefined;
}

/** Opens the SRTP and SRTCP packets of one peer: authentication, replay protection, roll-over counters. Nothing that a peer sends makes it throw. */
export class SrtpReceiver {
  readonly #opener: SrtpOpener;
  #onClose: (() => void) | undefined;
  readonly #sizes: SrtpProfileSizes;
  readonly #rtp: Map<number, ReplayWindow>;
  readonly #rtcp: Map<number, ReplayWindow>;
  readonly #counters = { rtp: 0, rtcp: 0, tooShort: 0, authFailed: 0, replayed: 0, tooManySources: 0 };

  /**
   * @param keys of the peer's direction
   * @throws WcsError PROTOCOL_E_MALFORMED when the keys don't fit their profile
   */
  constructor(keys: SrtpKeys, { state, openerFor, onClose }: SrtpReceiverOptions = {}) {
    const session = deriveSession(keys);
    this.#opener = openerFor?.(session) ?? createSrtpCipher(keys.profile, session);
    this.#sizes = SRTP_PROFILE_SIZES[keys.profile];
    this.#rtp = windowsOf(state?.rtp ?? []);
    this.#rtcp = windowsOf(state?.rtcp ?? []);
    this.#onClose = onClose;
  }

  get counters(): SrtpReceiverCounters {
    return this.#counters;
  }

  /** Opens an SRTP packet: the plain RTP packet, in the memory of `packet`, which is overwritten; or why not, and `packet` is as it was. @see RFC 3711 section 3.3 */
  unprotectRtp(packet: Uint8Array): Uint8Array | SrtpRefusal {
    const headerBytes = rtpHeaderBytes(packet);
    if (headerBytes < 0 || packet.length < headerBytes + this.#sizes.rtpTagBytes) return this.#refuse('tooShort');
    const sequence = ((packet[2] ?? 0) << 8) | (packet[3] ?? 0);
    const ssrc = u32At(packet, RTP_SSRC_OFFSET);
    const known = this.#rtp.get(ssrc);
    const window = known ?? new ReplayWindow();
    let index = estimateIndex(sequence, window.highest);
    if (!window.isNew(index)) return this.#refuse('replayed');
    let plain = this.#opener.openRtp(packet, headerBytes, index);
    if (plain === undefined && known === undefined && sequence < HALF_SEQUENCE_SPACE) {
      // What went before the first wrap may have been lost on the way.
      index += SEQUENCE_SPACE;
      plain = this.#opener.openRtp(packet, headerBytes, index);
    }
    if (plain === undefined) return this.#refuse('authFailed');
    if (known === undefined && !remember(this.#rtp, ssrc, window)) return this.#refuse('tooManySources');
    window.accept(index);
    this.#counters.rtp++;
    return plain;
  }

  /** Opens an SRTCP packet, likewise. @see RFC 3711 section 3.4 */
  unprotectRtcp(packet: Uint8Array): Uint8Array | SrtpRefusal {
    if (packet.length < RTCP_CLEAR_BYTES + this.#sizes.rtcpTagBytes + SRTCP_INDEX_BYTES) return this.#refuse('tooShort');
    const ssrc = u32At(packet, RTCP_SSRC_OFFSET);
    const index = this.#opener.rtcpIndex(packet);
    const known = this.#rtcp.get(ssrc);
    const window = known ?? new ReplayWindow();
    if (!window.isNew(index)) return this.#refuse('replayed');
    const plain = this.#opener.openRtcp(packet);
    if (plain === undefined) return this.#refuse('authFailed');
    if (known === undefined && !remember(this.#rtcp, ssrc, window)) return this.#refuse('tooManySources');
    window.accept(index);
    this.#counters.rtcp++;
    return plain;
  }

  /** Gives back what it holds; what that was needed for is refused from now on. */
  close(): void {
    this.#opener.close?.();
    this.#onClose?.();
    this.#onClose = undefined;
  }

  /** What it has learned, as plain data. */
  state(): SrtpReceiverState {
    return { rtp: sourcesOf(this.#rtp), rtcp: sourcesOf(this.#rtcp) };
  }

  #refuse(refusal: SrtpRefusal): SrtpRefusal {
    this.#counters[refusal]++;
    return refusal;
  }
}

/** The index nearest to the highest one so far that has these 16 bits; never below 0. @see RFC 3711 appendix A */
function estimateIndex(sequence: number, highest: number): number {
  if (highest < 0) return sequence;
  const low = highest % SEQUENCE_SPACE;
  const index = highest - low + sequence;
  if (sequence - low > HALF_SEQUENCE_SPACE && index >= SEQUENCE_SPACE) return index - SEQUENCE_SPACE;
  return low - sequence > HALF_SEQUENCE_SPACE ? index + SEQUENCE_SPACE : index;
}

/** Sources are kept once a packet of theirs has proven authentic, so that only the owner of the keys can fill the table. */
function remember(windows: Map<number, ReplayWindow>, ssrc: number, window: ReplayWindow): boolean {
  if (windows.size >= SRTP_SOURCES_MAX) return false;
  windows.set(ssrc, window);
  return true;
}

function windowsOf(sources: readonly SrtpSourceState[]): Map<number, ReplayWindow> {
  return new Map(sources.slice(0, SRTP_SOURCES_MAX).map((source) => [source.ssrc, new ReplayWindow(source)]));
}

function sourcesOf(windows: ReadonlyMap<number, ReplayWindow>): SrtpSourceState[] {
  return [...windows].map(([ssrc, window]) => ({ ssrc, ...window.state() }));
}
