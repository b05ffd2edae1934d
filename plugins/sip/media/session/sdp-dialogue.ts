import { randomBytes } from 'node:crypto';
import { kindOfCodec, ProtocolError, WcsError, type Codec } from 'wcs-core';
import type { Fingerprint } from 'wcs-core/rtp/dtls/certificate';
import type { DtlsRole } from 'wcs-core/rtp/dtls/handshake';
import { SRTP_KEY_BYTES, SRTP_PROFILE_SIZES, type SrtpKeys, type SrtpProfile } from 'wcs-core/rtp/srtp/keys';
import { parseSdesCrypto, writeSdesCrypto } from 'wcs-core/rtp/srtp/sdes';
import { agreeEvents, agreeFormat, offerFormats, type AgreedFormat } from '../wire/formats.ts';
import { readSdp, type Direction, type PeerSection } from '../wire/read-sdp.ts';
import { writeSdp, type LocalFormat, type LocalSection } from '../wire/write-sdp.ts';

/** Media of a call. */
export type CallKind = 'audio' | 'video';

/** How keys are agreed on in our offers: not at all, in the description, or by DTLS. @see RFC 4568, RFC 5763 */
export type SecurityWish = 'none' | 'sdes' | 'dtls';

/** The keys of an m-line, or whose certificates lead to them, and our part in that; plain data. */
export type LineSecurity =
  | { readonly type: 'sdes'; readonly local: SrtpKeys; readonly remote: SrtpKeys }
  | { readonly type: 'dtls'; readonly role: DtlsRole; readonly fingerprints: readonly Fingerprint[] };

/** What we want of a call; plain data. */
export interface MediaWish {
  /** In the order of our offer. */
  readonly kinds: readonly CallKind[];
  /** Codecs that we can have, best first. */
  readonly codecs: readonly Codec[];
  /** Offer encrypted media; what a peer offers encrypted is always taken so. */
  readonly security: SecurityWish;
  /** That of our certificate. */
  readonly fingerprint: Fingerprint;
  /** Numeric address where we want media, and the RTP port of each kind. */
  readonly address: string;
  readonly ports: Readonly<Partial<Record<CallKind, number>>>;
}

/** What both sides have agreed on for one m-line; plain data. */
export interface AgreedSection {
  readonly kind: CallKind;
  readonly format: AgreedFormat;
  /** Payload types of pressed keys; undefined where the peer takes none. */
  readonly events: { readonly receiveType: number; readonly sendType: number } | undefined;
  readonly remote: { readonly address: string; readonly port: number; readonly rtcpPort: number };
  /** The peer wants our media. */
  readonly sends: boolean;
  /** The peer sends media. */
  readonly receives: boolean;
  readonly security: LineSecurity | undefined;
}

/** Our part in the security of an m-line. */
type SlotSecurity = { readonly type: 'sdes'; readonly tag: number; readonly keys: SrtpKeys } | { readonly type: 'dtls' };

/** One m-line over the life of a call. */
interface Slot {
  readonly kind: string;
  readonly protocol: string;
  /** The list as the peer has it, for a line that we refuse. */
  readonly formats: string;
  /** As we said them last; empty for a refused line. */
  readonly ours: readonly LocalFormat[];
  readonly agreed: AgreedSection | undefined;
  readonly security: SlotSecurity | undefined;
}

/** Plain data of an `SdpDialogue`. */
export interface SdpDialogueState {
  readonly wish: MediaWish;
  readonly id: number;
  readonly version: number;
  readonly held: boolean;
  readonly slots: readonly Slot[];
}

const PLAIN: ReadonlySet<string> = new Set(['RTP/AVP', 'RTP/AVPF']);
const SDES: ReadonlySet<string> = new Set(['RTP/SAVP', 'RTP/SAVPF']);
const DTLS: ReadonlySet<string> = new Set(['UDP/TLS/RTP/SAVP', 'UDP/TLS/RTP/SAVPF']);
const OFFERED: Readonly<Record<SecurityWish, string>> = { none: 'RTP/AVP', sdes: 'RTP/SAVP', dtls: 'UDP/TLS/RTP/SAVP' };
const OFFERED_PROFILE: SrtpProfile = 'AES_CM_128_HMAC_SHA1_80';
const ID_BYTES = 6;

/** Our side of the offers and answers of one call. @see RFC 3264 */
export class SdpDialogue {
  readonly wish: MediaWish;
  readonly #id: number;
  #version: number;
  #held: boolean;
  #slots: readonly Slot[];

  constructor(wish: MediaWish, state?: SdpDialogueState) {
    this.wish = wish;
    this.#id = state?.id ?? randomBytes(ID_BYTES).readUIntBE(0, ID_BYTES);
    this.#version = state?.version ?? 0;
    this.#held = state?.held ?? false;
    this.#slots = state?.slots ?? [];
  }

  exportState(): SdpDialogueState {
    return { wish: this.wish, id: this.#id, version: this.#version, held: this.#held, slots: this.#slots };
  }

  /** What is agreed on. */
  get agreed(): readonly AgreedSection[] {
    return this.#slots.flatMap(({ agreed }) => agreed ?? []);
  }

  /** True while we ask the peer not to send. */
  get held(): boolean {
    return this.#held;
  }

  /** Our offer: all that we can have, or later what is agreed on. @param held asks the peer not to send */
  offer(held = this.#held): string {
    this.#held = held;
    if (this.#slots.length === 0) {
      const protocol = OFFERED[this.wish.security];
      this.#slots = this.wish.kinds.map((kind) => ({ kind, protocol, formats: '', ours: offerFormats(this.#codecsOf(kind)), agreed: undefined, security: offeredSecurity(this.wish.security) }));
    } else if (this.agreed.length > 0) this.#slots = this.#slots.map(narrowed);
    return this.#write(() => (held ? 'sendonly' : 'sendrecv'));
  }

  /**
   * Answers an offer of the peer.
   *
   * @throws ProtocolError for what is none, WcsError MEDIA_E_NO_COMMON_CODEC where nothing of it fits, and changes nothing
   */
  answer(offer: string): string {
    const sections = readSdp(offer);
    const taken = new Set<string>();
    const slots = sections.map((section, index): Slot => {
      const slot = taken.has(section.kind) ? undefined : this.#answered(section, this.#slots[index]);
      if (slot !== undefined) taken.add(section.kind);
      return slot ?? { kind: section.kind, protocol: section.protocol, formats: section.formats, ours: [], agreed: undefined, security: undefined };
    });
    if (taken.size === 0) throw nothingInCommon();
    this.#slots = slots;
    return this.#write((index) => answerDirection(sections[index]?.direction ?? 'inactive', this.#held));
  }

  /**
   * Takes the peer's answer to our offer.
   *
   * @throws ProtocolError for what is none, WcsError MEDIA_E_NO_COMMON_CODEC where nothing is agreed on, and changes nothing
   */
  accept(answer: string): void {
    const sections = readSdp(answer);
    const slots = this.#slots.map((slot, index): Slot => {
      const section = sections[index];
      return section === undefined || !isKind(slot.kind) ? { ...slot, agreed: undefined } : { ...slot, agreed: this.#accepted(slot, slot.kind, section) };
    });
    if (slots.every(({ agreed }) => agreed === undefined)) throw nothingInCommon();
    this.#slots = slots;
  }

  #codecsOf(kind: CallKind): readonly Codec[] {
    return this.wish.codecs.filter((codec) => kindOfCodec(codec) === kind);
  }

  #answered(section: PeerSection, before: Slot | undefined): Slot | undefined {
    const { kind, protocol, formats, codecs, port } = section;
    if (!isKind(kind) || port === 0 || this.wish.ports[kind] === undefined) return undefined;
    const format = agreeFormat(codecs, this.#codecsOf(kind), undefined);
    if (format === undefined) return undefined;
    const secured = securedAnswer(section, before);
    if (!PLAIN.has(protocol) && secured === undefined) return undefined;
    const events = kind === 'audio' ? agreeEvents(codecs, format, undefined) : undefined;
    return {
      kind,
      protocol,
      formats,
      ours: [format.local, ...(events === undefined ? [] : [events.local])],
      agreed: sectionOf(kind, section, format, events, secured?.agreed),
      security: secured?.own,
    };
  }

  #accepted(slot: Slot, kind: CallKind, section: PeerSection): AgreedSection | undefined {
    if (section.port === 0) return undefined;
    const format = agreeFormat(section.codecs, this.#codecsOf(kind), slot.ours);
    if (format === undefined) return undefined;
    const events = kind === 'audio' ? agreeEvents(section.codecs, format, slot.ours) : undefined;
    if (slot.security === undefined) return sectionOf(kind, section, format, events, undefined);
    const security = slot.security.type === 'dtls' ? dtlsOf(section, slot.agreed?.security) : sdesOf(section, slot.security);
    // Without a key of theirs nothing of it could be understood.
    return security === undefined ? undefined : sectionOf(kind, section, format, events, security);
  }

  #write(directionOf: (index: number) => Direction): string {
    this.#version++;
    const sections = this.#slots.map(({ kind, protocol, formats, ours, security, agreed }, index): LocalSection => {
      const port = isKind(kind) ? this.wish.ports[kind] : undefined;
      if (!isKind(kind) || port === undefined || ours.length === 0) return { type: 'refused', kind, protocol, formats: formats === '' ? '0' : formats };
      return { type: 'accepted', kind, protocol, port, formats: ours, direction: directionOf(index), security: this.#described(security, agreed?.security) };
    });
    return writeSdp({ id: this.#id, version: this.#version, address: this.wish.address }, sections);
  }

  #described(security: SlotSecurity | undefined, agreed: LineSecurity | undefined): Extract<LocalSection, { type: 'accepted' }>['security'] {
    if (security === undefined) return undefined;
    return security.type === 'dtls' ? { type: 'dtls', fingerprint: this.wish.fingerprint, setup: setupOf(agreed) } : { type: 'sdes', crypto: writeSdesCrypto(security.tag, security.keys) };
  }
}

/** A line as it is agreed on; one that the peer has refused stays so. */
function narrowed(slot: Slot): Slot {
  const { agreed, ours } = slot;
  return { ...slot, ours: ours.filter(({ payloadType }) => payloadType === agreed?.format.receiveType || payloadType === agreed?.events?.receiveType) };
}

function isKind(kind: string): kind is CallKind {
  return kind === 'audio' || kind === 'video';
}

function sectionOf(kind: CallKind, { address, port, rtcpPort, direction }: PeerSection, format: AgreedFormat, events: AgreedSection['events'], security: AgreedSection['security']): AgreedSection {
  const sends = direction === 'sendrecv' || direction === 'recvonly';
  const receives = direction === 'sendrecv' || direction === 'sendonly';
  const types = events === undefined ? undefined : { receiveType: events.receiveType, sendType: events.sendType };
  return { kind, format, events: types, remote: { address, port, rtcpPort }, sends, receives, security };
}

/** @see RFC 3264 section 6.1 */
function answerDirection(offered: Direction, held: boolean): Direction {
  const sends = offered === 'sendrecv' || offered === 'recvonly';
  const receives = (offered === 'sendrecv' || offered === 'sendonly') && !held;
  if (sends) return receives ? 'sendrecv' : 'sendonly';
  return receives ? 'recvonly' : 'inactive';
}

interface OfferedCrypto {
  readonly tag: number;
  readonly keys: SrtpKeys;
}

function cryptosOf(values: readonly string[]): readonly OfferedCrypto[] {
  return values.flatMap((value) => {
    try {
      const crypto = parseSdesCrypto(value);
      return crypto.type === 'supported' ? [crypto] : [];
    } catch (error) {
      if (error instanceof ProtocolError) return [];
      throw error;
    }
  });
}

function offeredSecurity(wish: SecurityWish): SlotSecurity | undefined {
  if (wish === 'none') return undefined;
  return wish === 'dtls' ? { type: 'dtls' } : { type: 'sdes', tag: 1, keys: newKeys(OFFERED_PROFILE) };
}

/** What is agreed on with an offer, and our own part in it; undefined where an encrypted line can't be. */
function securedAnswer(section: PeerSection, before: Slot | undefined): { readonly agreed: LineSecurity; readonly own: SlotSecurity } | undefined {
  if (DTLS.has(section.protocol)) {
    const agreed = dtlsOf(section, before?.agreed?.security);
    return agreed === undefined ? undefined : { agreed, own: { type: 'dtls' } };
  }
  // The first suite that we know, under its tag; our own key stays while the suite does. @see RFC 4568 section 5.1.2
  const [first] = SDES.has(section.protocol) ? cryptosOf(section.cryptos) : [];
  if (first === undefined) return undefined;
  const { tag, keys: remote } = first;
  const own = before?.security;
  const keys = own?.type === 'sdes' && own.keys.profile === remote.profile ? own.keys : newKeys(remote.profile);
  return { agreed: { type: 'sdes', local: keys, remote }, own: { type: 'sdes', tag, keys } };
}

/**
 * Who begins the handshake: a peer that says nothing of it, or leaves it to us, does. With the certificate that it has had before, no
 * other handshake is begun. @see RFC 4145 section 4.1, RFC 8842 section 5
 */
function dtlsOf({ fingerprints, setup }: PeerSection, before: LineSecurity | undefined): LineSecurity | undefined {
  if (before?.type === 'dtls' && isSameFingerprints(before.fingerprints, fingerprints)) return before;
  const role = setup === 'passive' ? 'client' : ['', 'active', 'actpass'].includes(setup) ? 'server' : undefined;
  return role === undefined || fingerprints.length === 0 ? undefined : { type: 'dtls', role, fingerprints };
}

/** Before anything is agreed on the other side may choose. @see RFC 5763 section 5 */
function setupOf(agreed: LineSecurity | undefined): 'actpass' | 'active' | 'passive' {
  if (agreed?.type !== 'dtls') return 'actpass';
  return agreed.role === 'client' ? 'active' : 'passive';
}

function isSameFingerprints(a: readonly Fingerprint[], b: readonly Fingerprint[]): boolean {
  return a.length === b.length && a.every(({ value }, index) => value === b[index]?.value);
}

/** The same keys, or the same certificate: nothing has to be agreed on anew. */
export function isSameSecurity(a: LineSecurity | undefined, b: LineSecurity | undefined): boolean {
  if (a?.type === 'sdes' && b?.type === 'sdes') return areSameBytes(a.remote.masterKey, b.remote.masterKey) && areSameBytes(a.local.masterKey, b.local.masterKey);
  if (a?.type === 'dtls' && b?.type === 'dtls') return a.role === b.role && isSameFingerprints(a.fingerprints, b.fingerprints);
  return a === b;
}

function areSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function sdesOf({ cryptos }: PeerSection, { tag, keys }: Extract<SlotSecurity, { type: 'sdes' }>): LineSecurity | undefined {
  const remote = cryptosOf(cryptos).find((one) => one.tag === tag);
  return remote === undefined ? undefined : { type: 'sdes', local: keys, remote: remote.keys };
}

function newKeys(profile: SrtpProfile): SrtpKeys {
  return { profile, masterKey: new Uint8Array(randomBytes(SRTP_KEY_BYTES)), masterSalt: new Uint8Array(randomBytes(SRTP_PROFILE_SIZES[profile].saltBytes)) };
}

function nothingInCommon(): WcsError {
  return new WcsError('MEDIA_E_NO_COMMON_CODEC', 'No common codecs');
}
