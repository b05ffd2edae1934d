import { parse, type MediaDescription, type SessionDescription } from 'sdp-transform';
import { messageOf, ProtocolError, WcsError } from 'wcs-core';
import { offeredCodecs, textOf, type OfferedCodec } from 'wcs-core/formats/sdp-codecs';
import { fingerprintOf, type Fingerprint } from 'wcs-core/rtp/dtls/certificate';

/** Longest SDP that is read, in characters; a browser's is 4 to 12 thousand. */
export const SDP_LENGTH_MAX = 131_072;
/** Most lines of an SDP. */
export const SDP_LINES_MAX = 4000;
/** Most m-sections of an offer. */
export const SDP_MEDIA_MAX = 32;
/** Most header extensions, SSRCs or restrictions (RID) that are kept of one m-section. */
const ENTRIES_MAX = 64;
const ICE_UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
const ICE_PWD = /^[A-Za-z0-9+/]{22,256}$/;
const TOKEN = /^[\x21-\x7e]{1,64}$/;

/** Direction of an m-section as the offerer sees it. @see RFC 8866 section 6.7 */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** Credentials with which the offerer secures one transport. @see RFC 8839, RFC 8122, RFC 4145 */
export interface OfferedTransport {
  readonly iceUfrag: string;
  readonly icePwd: string;
  readonly fingerprint: Fingerprint;
  readonly setup: 'actpass' | 'active' | 'passive';
}

/** One m-section of an offer. */
export interface OfferedMedia {
  /** `audio`, `video`, or another type that is only ever rejected. */
  readonly kind: string;
  readonly port: number;
  readonly protocol: string;
  readonly mid: string | undefined;
  readonly direction: Direction;
  /** The format list as it stands in the m-line. */
  readonly formats: string;
  readonly codecs: readonly OfferedCodec[];
  readonly extensions: readonly HeaderExtension[];
  /** SSRCs of the media itself, without those of retransmission. */
  readonly ssrcs: readonly number[];
  /** Retransmission SSRCs and what they repeat. @see RFC 5576 section 4.2 */
  readonly rtxSsrcs: readonly { readonly ssrc: number; readonly repeats: number }[];
  /** Restriction identifiers of the layers that the offerer sends, best as offered first. @see RFC 8853 */
  readonly rids: readonly string[];
  readonly rtcpMux: boolean;
  /** Feedback without a report before it is understood. @see RFC 5506 */
  readonly rtcpRsize: boolean;
  /** Undefined where a part is missing or makes no sense; `transportProblem` says which. */
  readonly transport: OfferedTransport | undefined;
  readonly transportProblem: string | undefined;
}

/** An RTP header extension of an m-section. @see RFC 8285 section 5 */
export interface HeaderExtension {
  readonly id: number;
  readonly uri: string;
}

/** An offer as plain data. */
export interface SdpOffer {
  readonly media: readonly OfferedMedia[];
  /** The mids that the offerer wants on one transport. @see RFC 9143 */
  readonly bundle: readonly string[];
}

/**
 * Reads an offer. Retransmission that repeats an unknown format is left out, and so is every attribute that makes no sense.
 *
 * @throws ProtocolError for a text that is no SDP, WcsError PROTOCOL_E_LIMIT for one that is too large
 * @see RFC 8866, RFC 8829
 */
export function parseOffer(text: string): SdpOffer {
  checkSize(text);
  const session = parseSession(text);
  if (session.media.length === 0) throw new ProtocolError('The offer has no m-line.');
  if (session.media.length > SDP_MEDIA_MAX) throw tooLarge(`${session.media.length} m-lines; at most ${SDP_MEDIA_MAX} are read`);
  const bundle = (session.groups ?? []).find(({ type }) => type === 'BUNDLE');
  return {
    media: session.media.map((media) => offeredMedia(media, session)),
    bundle: bundle === undefined ? [] : textOf(bundle.mids).split(' ').filter((mid) => TOKEN.test(mid)).slice(0, SDP_MEDIA_MAX),
  };
}

function checkSize(text: string): void {
  if (text.length > SDP_LENGTH_MAX) throw tooLarge(`${text.length} characters; at most ${SDP_LENGTH_MAX} are read`);
  if (!text.startsWith('v=0')) throw new ProtocolError('The offer is no SDP: it does not begin with v=0.', 0);
  // What is echoed in an answer would carry it on. @see RFC 8866 section 9, byte-string
  if (text.includes('\0')) throw new ProtocolError('The offer is no SDP: it has a NUL character.', text.indexOf('\0'));
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  if (lines > SDP_LINES_MAX) throw tooLarge(`${lines} lines; at most ${SDP_LINES_MAX} are read`);
}

function parseSession(text: string): SessionDescription {
  try {
    return parse(text);
  } catch (error) {
    throw new ProtocolError(`The offer is no SDP: ${messageOf(error)}`);
  }
}

function tooLarge(what: string): WcsError {
  return new WcsError('PROTOCOL_E_LIMIT', `The offer has ${what}.`);
}

function offeredMedia(media: MediaDescription, session: SessionDescription): OfferedMedia {
  const { transport, problem } = transportOf(media, session);
  const mid = media.mid === undefined ? undefined : textOf(media.mid);
  const { ssrcs, rtxSsrcs } = sourcesOf(media);
  return {
    kind: textOf(media.type),
    port: wholeNumber(media.port, 65_535) ?? 0,
    protocol: textOf(media.protocol),
    mid: mid !== undefined && TOKEN.test(mid) ? mid : undefined,
    direction: media.direction ?? session.direction ?? 'sendrecv',
    formats: textOf(media.payloads ?? ''),
    codecs: offeredCodecs(media),
    extensions: extensionsOf(media),
    ssrcs,
    rtxSsrcs,
    rids: ridsOf(media),
    rtcpMux: media.rtcpMux !== undefined,
    rtcpRsize: media.rtcpRsize !== undefined,
    transport,
    transportProblem: problem,
  };
}

/** ICE and DTLS attributes of the m-section, or else of the session. */
function transportOf(media: MediaDescription, session: SessionDescription): { transport?: OfferedTransport; problem?: string } {
  const iceUfrag = textOf(media.iceUfrag ?? session.iceUfrag ?? '');
  const icePwd = textOf(media.icePwd ?? session.icePwd ?? '');
  const { type = '', hash = '' } = media.fingerprint ?? session.fingerprint ?? {};
  const fingerprint = fingerprintOf(textOf(type), textOf(hash));
  const setup = textOf(media.setup ?? session.setup ?? '');
  if (!ICE_UFRAG.test(iceUfrag) || !ICE_PWD.test(icePwd)) return { problem: 'no a=ice-ufrag and a=ice-pwd' };
  if (fingerprint === undefined) return { problem: 'no a=fingerprint' };
  if (setup !== 'actpass' && setup !== 'active' && setup !== 'passive') return { problem: 'no a=setup' };
  return { transport: { iceUfrag, icePwd, fingerprint, setup } };
}

function extensionsOf(media: MediaDescription): HeaderExtension[] {
  const extensions = (media.ext ?? []).slice(0, ENTRIES_MAX).map(({ value, uri }) => ({ id: wholeNumber(value, 255) ?? 0, uri: textOf(uri) }));
  return extensions.filter(({ id }) => id > 0);
}

function sourcesOf(media: MediaDescription): Pick<OfferedMedia, 'ssrcs' | 'rtxSsrcs'> {
  const named = (media.ssrcs ?? []).map(({ id }) => wholeNumber(id, 0xffff_ffff)).filter((id) => id !== undefined);
  const all = [...new Set(named)].slice(0, ENTRIES_MAX);
  const rtxSsrcs: { ssrc: number; repeats: number }[] = [];
  for (const { semantics, ssrcs } of (media.ssrcGroups ?? []).slice(0, ENTRIES_MAX)) {
    if (semantics !== 'FID') continue;
    const [repeats, ssrc] = textOf(ssrcs).split(' ').map((word) => wholeNumber(word, 0xffff_ffff));
    if (repeats !== undefined && ssrc !== undefined) rtxSsrcs.push({ ssrc, repeats });
  }
  return { ssrcs: all.filter((id) => !rtxSsrcs.some(({ ssrc }) => ssrc === id)), rtxSsrcs };
}

function ridsOf(media: MediaDescription): string[] {
  const sent = (media.rids ?? []).filter(({ direction }) => direction === 'send').map(({ id }) => textOf(id));
  return sent.filter((id) => /^[A-Za-z0-9_-]{1,16}$/.test(id)).slice(0, ENTRIES_MAX);
}

/** A number or its decimal text, if it is whole and within 0..max. */
function wholeNumber(value: unknown, max: number): number | undefined {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= max ? number : undefined;
}
