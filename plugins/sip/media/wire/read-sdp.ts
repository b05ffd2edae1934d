import { parse, type MediaDescription, type SessionDescription } from 'sdp-transform';
import { messageOf, ProtocolError } from 'wcs-core';
import { offeredCodecs, textOf, type OfferedCodec } from 'wcs-core/formats/sdp-codecs';
import { fingerprintOf, type Fingerprint } from 'wcs-core/rtp/dtls/certificate';

/** Longest description that is read, in characters. */
const SDP_LENGTH_MAX = 65_536;
const SDP_LINES_MAX = 2000;
/** Most m-lines of a description. */
const SDP_MEDIA_MAX = 32;
const CRYPTO_MAX = 16;
const PORT_MAX = 65_535;
/** An address that says hold, as phones did before there were directions. @see RFC 2543 appendix B.5 */
const HOLD_ADDRESSES: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
const ADDRESS = /^[0-9a-zA-Z.:_-]{1,255}$/;

/** Direction of media, as whoever wrote the description sees it. @see RFC 8866 section 6.7 */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** One m-line of a peer. */
export interface PeerSection {
  /** `audio`, `video`, or another word that is only ever refused. */
  readonly kind: string;
  readonly protocol: string;
  /** The format list as it stands, to be given back in a refusal. */
  readonly formats: string;
  /** Where it wants its media; port 0 is a refused section. */
  readonly address: string;
  readonly port: number;
  readonly rtcpPort: number;
  readonly direction: Direction;
  readonly codecs: readonly OfferedCodec[];
  /** Values of `a=crypto`. @see RFC 4568 */
  readonly cryptos: readonly string[];
  /** Of the certificate that it will show; empty where it names none. @see RFC 8122 */
  readonly fingerprints: readonly Fingerprint[];
  /** Value of `a=setup`; empty where there is none. @see RFC 4145 */
  readonly setup: string;
}

/**
 * Reads what a phone or an exchange describes. Lines that make no sense are passed over.
 *
 * @throws ProtocolError for what is no description, or too long
 * @see RFC 8866, RFC 3264
 */
export function readSdp(text: string): readonly PeerSection[] {
  if (text.length > SDP_LENGTH_MAX) throw new ProtocolError(`A session description of ${text.length} characters exceeds ${SDP_LENGTH_MAX}`);
  if (!text.startsWith('v=0') || text.includes('\0')) throw new ProtocolError('The body is no session description', 0);
  const lines = text.split(/\r\n|\r|\n/, SDP_LINES_MAX + 1);
  if (lines.length > SDP_LINES_MAX) throw new ProtocolError(`A session description has more than ${SDP_LINES_MAX} lines`);
  const session = parsed(lines.join('\r\n'));
  if (session.media.length > SDP_MEDIA_MAX) throw new ProtocolError(`${session.media.length} m-lines exceed ${SDP_MEDIA_MAX}`);
  return session.media.map((media) => sectionOf(media, session));
}

function parsed(text: string): SessionDescription {
  try {
    return parse(text);
  } catch (error) {
    throw new ProtocolError(`The session description can't be read: ${messageOf(error)}`);
  }
}

function sectionOf(media: MediaDescription, session: SessionDescription): PeerSection {
  const address = textOf(media.connection?.ip ?? session.connection?.ip ?? '').split('/', 1)[0] ?? '';
  const port = portOf(media.port);
  const isHeld = HOLD_ADDRESSES.has(address);
  return {
    kind: textOf(media.type),
    protocol: textOf(media.protocol),
    formats: textOf(media.payloads ?? ''),
    address: ADDRESS.test(address) ? address : '',
    port,
    rtcpPort: portOf(media.rtcp?.port) || port + 1,
    direction: isHeld ? withoutReceiving(directionOf(media, session)) : directionOf(media, session),
    codecs: offeredCodecs(media),
    cryptos: (media.crypto ?? []).slice(0, CRYPTO_MAX).map(({ id, suite, config, sessionConfig }) => [id, suite, config, sessionConfig].map(textOf).filter((word) => word !== '').join(' ')),
    fingerprints: fingerprintsOf(media, session),
    setup: textOf(media.setup ?? session.setup ?? ''),
  };
}

function fingerprintsOf(media: MediaDescription, session: SessionDescription): readonly Fingerprint[] {
  const { type = '', hash = '' } = media.fingerprint ?? session.fingerprint ?? {};
  const fingerprint = fingerprintOf(textOf(type), textOf(hash));
  return fingerprint === undefined ? [] : [fingerprint];
}

function directionOf(media: MediaDescription, session: SessionDescription): Direction {
  return media.direction ?? session.direction ?? 'sendrecv';
}

function withoutReceiving(direction: Direction): Direction {
  return direction === 'sendrecv' || direction === 'sendonly' ? 'sendonly' : 'inactive';
}

function portOf(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= PORT_MAX ? value : 0;
}
