import { write, type MediaDescription } from 'sdp-transform';
import type { Fingerprint } from 'wcs-core/rtp/dtls/certificate';
import type { Direction } from './read-sdp.ts';

/** A format of ours, under a payload type. */
export interface LocalFormat {
  readonly payloadType: number;
  /** Encoding name. */
  readonly name: string;
  readonly clockRateHz: number;
  readonly channels: number;
  readonly fmtp?: string | undefined;
  /** Feedback that we take, `nack pli`; only ever said to who says it too. */
  readonly feedback?: readonly string[];
}

/** One m-line of ours. */
export type LocalSection =
  | {
      readonly type: 'accepted';
      readonly kind: 'audio' | 'video';
      readonly protocol: string;
      readonly port: number;
      readonly formats: readonly LocalFormat[];
      readonly direction: Direction;
      /** Value of `a=crypto`, or our fingerprint and who begins; undefined for plain RTP. @see RFC 4145 section 4, RFC 5763 section 5 */
      readonly security: { readonly type: 'sdes'; readonly crypto: string } | { readonly type: 'dtls'; readonly fingerprint: Fingerprint; readonly setup: 'actpass' | 'active' | 'passive' } | undefined;
    }
  | { readonly type: 'refused'; readonly kind: string; readonly protocol: string; readonly formats: string };

/** Everything of a description beside its m-lines. */
export interface LocalSession {
  readonly id: number;
  /** Raised with each change. */
  readonly version: number;
  /** Numeric address where we want media. */
  readonly address: string;
}

/** Packets of so much sound are asked for. */
const PACKET_MS = 20;

/** Writes our description. @see RFC 8866 */
export function writeSdp({ id, version, address }: LocalSession, sections: readonly LocalSection[]): string {
  const ipVer = address.includes(':') ? 6 : 4;
  return write({
    version: 0,
    origin: { username: '-', sessionId: id, sessionVersion: version, netType: 'IN', ipVer, address },
    name: '-',
    connection: { version: ipVer, ip: address },
    timing: { start: 0, stop: 0 },
    media: sections.map((section) => (section.type === 'accepted' ? acceptedOf(section) : refusedOf(section))),
  });
}

function acceptedOf({ kind, protocol, port, formats, direction, security }: Extract<LocalSection, { type: 'accepted' }>): ReturnType<typeof refusedOf> {
  const feedback = formats.flatMap(({ payloadType, feedback: types = [] }) => types.map((type) => ({ payload: payloadType, ...feedbackOf(type) })));
  return {
    type: kind,
    port,
    protocol,
    payloads: formats.map(({ payloadType }) => payloadType).join(' '),
    rtp: formats.map(({ payloadType, name, clockRateHz, channels }) => ({ payload: payloadType, codec: name, rate: clockRateHz, ...(channels > 1 ? { encoding: channels } : {}) })),
    fmtp: formats.flatMap(({ payloadType, fmtp }) => (fmtp === undefined ? [] : [{ payload: payloadType, config: fmtp }])),
    ...(feedback.length === 0 ? {} : { rtcpFb: feedback }),
    ...(kind === 'audio' ? { ptime: PACKET_MS } : {}),
    ...(security === undefined ? {} : securityOf(security)),
    direction,
  };
}

function securityOf(security: NonNullable<Extract<LocalSection, { type: 'accepted' }>['security']>): Partial<MediaDescription> {
  if (security.type === 'sdes') return { crypto: [cryptoOf(security.crypto)] };
  const { algorithm, value } = security.fingerprint;
  return { setup: security.setup, fingerprint: { type: algorithm, hash: value } };
}

function refusedOf({ kind, protocol, formats }: { readonly kind: string; readonly protocol: string; readonly formats: string }): { type: string; port: number; protocol: string; payloads: string } & MediaDescription {
  return { type: kind, port: 0, protocol, payloads: formats, rtp: [], fmtp: [] };
}

function feedbackOf(text: string): { readonly type: string; readonly subtype?: string } {
  const [type = '', subtype] = text.split(' ');
  return subtype === undefined ? { type } : { type, subtype };
}

function cryptoOf(value: string): { id: number; suite: string; config: string } {
  const [id = '1', suite = '', config = ''] = value.split(' ');
  return { id: Number(id), suite, config };
}
