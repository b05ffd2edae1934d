import { MAX_LIST_ITEMS } from './limits.ts';

/** Two ports or two channels: RTP, RTCP. */
export type NumberPair = readonly [rtp: number, rtcp: number];

/** One way to carry a stream. @see RFC 2326 section 12.39 */
export interface Transport {
  /** `RTP/AVP`, `RTP/AVPF`, `RTP/SAVP`… in upper case. */
  readonly profile: string;
  readonly lower: 'udp' | 'tcp';
  readonly cast: 'unicast' | 'multicast';
  /** Channels of the RTSP connection, TCP only. */
  readonly interleaved?: NumberPair;
  readonly clientPort?: NumberPair;
  readonly serverPort?: NumberPair;
  readonly ssrc?: number;
  /** `play` where the header doesn't say. */
  readonly mode: 'play' | 'record';
  /** Address that the packets come from. */
  readonly source?: string;
  /** Address that the packets go to; never to be trusted. */
  readonly destination?: string;
}

const MAX_PORT = 0xffff;
const MAX_CHANNEL = 0xff;

/** The alternatives of the header that can be understood, in the sender's order of preference. */
export function parseTransport(value: string): Transport[] {
  return value.split(',').slice(0, MAX_LIST_ITEMS).map(parseOne).filter((transport) => transport !== undefined);
}

/** The header of one transport, or of several in order of preference. */
export function encodeTransport(...transports: readonly Transport[]): string {
  return transports.map(encodeOne).join(',');
}

function parseOne(text: string): Transport | undefined {
  const [spec = '', ...parts] = text.split(';').map((part) => part.trim());
  const [protocol = '', profile = '', lower = 'UDP', ...more] = spec.toUpperCase().split('/');
  if (protocol !== 'RTP' || profile === '' || more.length > 0 || (lower !== 'UDP' && lower !== 'TCP')) return undefined;
  const parameters = new Map(parts.map(parseParameter));
  return {
    profile: `RTP/${profile}`,
    lower: lower === 'TCP' ? 'tcp' : 'udp',
    cast: parameters.has('multicast') ? 'multicast' : 'unicast',
    mode: /record|receive/i.test(parameters.get('mode') ?? '') ? 'record' : 'play',
    ...optional('interleaved', parsePair(parameters.get('interleaved'), MAX_CHANNEL)),
    ...optional('clientPort', parsePair(parameters.get('client_port'), MAX_PORT)),
    ...optional('serverPort', parsePair(parameters.get('server_port'), MAX_PORT)),
    ...optional('ssrc', parseSsrc(parameters.get('ssrc'))),
    ...optional('source', parameters.get('source')),
    ...optional('destination', parameters.get('destination')),
  };
}

function parseParameter(part: string): [name: string, value: string] {
  const equals = part.indexOf('=');
  if (equals === -1) return [part.toLowerCase(), ''];
  return [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim().replace(/^"(.*)"$/, '$1')];
}

/** `A-B`, or `A` for A and the number above it. */
function parsePair(text: string | undefined, max: number): NumberPair | undefined {
  const [, first, second] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text ?? '') ?? [];
  if (first === undefined) return undefined;
  const rtp = Number(first);
  const rtcp = second === undefined ? rtp + 1 : Number(second);
  return rtp <= max && rtcp <= max ? [rtp, rtcp] : undefined;
}

function parseSsrc(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text, 16) : undefined;
}

function encodeOne({ profile, lower, cast, interleaved, clientPort, serverPort, ssrc, mode, source, destination }: Transport): string {
  const parts = [lower === 'tcp' ? `${profile}/TCP` : profile, cast];
  if (destination !== undefined) parts.push(`destination=${destination}`);
  if (source !== undefined) parts.push(`source=${source}`);
  if (interleaved !== undefined) parts.push(`interleaved=${interleaved.join('-')}`);
  if (clientPort !== undefined) parts.push(`client_port=${clientPort.join('-')}`);
  if (serverPort !== undefined) parts.push(`server_port=${serverPort.join('-')}`);
  if (ssrc !== undefined) parts.push(`ssrc=${ssrc.toString(16).toUpperCase().padStart(8, '0')}`);
  if (mode === 'record') parts.push('mode=record');
  return parts.join(';');
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: Value };
}
