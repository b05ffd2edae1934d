import { write, type MediaDescription, type SessionDescription } from 'sdp-transform';
import type { AcceptedMedia, NegotiatedAnswer, NegotiatedCodec, RejectedMedia } from './negotiate-answer.ts';

/** Where the server can be reached. @see RFC 8839 section 5.1, RFC 6544 section 4.5 */
export interface AnswerCandidate {
  readonly transport: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
  readonly priority: number;
  readonly foundation: string;
}

/** The server's side of one transport. */
export interface AnswerTransport {
  readonly iceUfrag: string;
  readonly icePwd: string;
  readonly candidates: readonly AnswerCandidate[];
  /** Of the server's certificate: hash function, and hash in upper-case hexadecimal with colons. */
  readonly fingerprint: { readonly algorithm: string; readonly value: string };
}

/** What the server sends in one m-section. @see RFC 5576, RFC 8830 */
export interface AnswerSource {
  readonly ssrc: number;
  readonly rtxSsrc: number | undefined;
  readonly cname: string;
  readonly streamId: string;
  readonly trackId: string;
}

/** Bounds of a publisher's video, bits per second. */
export interface BitrateBounds {
  readonly minBps?: number | undefined;
  readonly maxBps?: number | undefined;
}

/** Everything of an answer that is not negotiated. */
export interface AnswerFacts {
  /** Decimal, of the session's origin. */
  readonly sessionId: string;
  readonly sessionVersion: number;
  transportOf(media: AcceptedMedia): AnswerTransport;
  /** Undefined where the server only receives. */
  sourceOf(media: AcceptedMedia): AnswerSource | undefined;
  readonly bitrate: BitrateBounds;
}

/** Writes the answer, with every candidate in it. @see RFC 8829 section 5.3 */
export function formatAnswer(answer: NegotiatedAnswer, facts: AnswerFacts): string {
  const session: SessionDescription = {
    version: 0,
    origin: { username: '-', sessionId: facts.sessionId, sessionVersion: facts.sessionVersion, netType: 'IN', ipVer: 4, address: '127.0.0.1' },
    name: '-',
    timing: { start: 0, stop: 0 },
    icelite: 'ice-lite',
    ...(answer.bundle.length === 0 ? {} : { groups: [{ type: 'BUNDLE', mids: answer.bundle.join(' ') }] }),
    msidSemantic: { semantic: 'WMS', token: '*' },
    media: answer.media.map((media) => (media.type === 'accepted' ? acceptedSection(media, facts) : rejectedSection(media))),
  };
  return write(session);
}

function rejectedSection({ kind, protocol, formats, mid }: RejectedMedia): MediaDescription {
  return {
    type: kind,
    port: 0,
    protocol,
    payloads: formats,
    connection: { version: 4, ip: '0.0.0.0' },
    rtp: [],
    fmtp: [],
    direction: 'inactive',
    ...(mid === undefined ? {} : { mid }),
  };
}

function acceptedSection(media: AcceptedMedia, facts: AnswerFacts): MediaDescription {
  const { iceUfrag, icePwd, candidates, fingerprint } = facts.transportOf(media);
  const [first] = candidates;
  const source = facts.sourceOf(media);
  return {
    type: media.kind,
    port: first?.port ?? 9,
    protocol: media.protocol,
    payloads: media.codecs.flatMap(({ payloadType, rtxPayloadType }) => [payloadType, ...(rtxPayloadType === undefined ? [] : [rtxPayloadType])]).join(' '),
    connection: { version: first?.address.includes(':') === true ? 6 : 4, ip: first?.address ?? '0.0.0.0' },
    ...formatsOf(media, facts.bitrate),
    ...(media.mid === undefined ? {} : { mid: media.mid }),
    ext: media.extensions.map(({ id, uri }) => ({ value: id, uri })),
    direction: media.direction,
    setup: 'passive',
    iceUfrag,
    icePwd,
    fingerprint: { type: fingerprint.algorithm, hash: fingerprint.value },
    candidates: candidates.map(candidateLine),
    endOfCandidates: 'end-of-candidates',
    rtcpMux: 'rtcp-mux',
    ...(media.rtcpRsize ? { rtcpRsize: 'rtcp-rsize' as const } : {}),
    ...(source === undefined ? {} : sourceLines(source)),
    ...(media.rids.length === 0 ? {} : { rids: media.rids.map((id) => ({ id, direction: 'recv' })), simulcast: { dir1: 'recv' as const, list1: media.rids.join(';') } }),
  };
}

function formatsOf({ codecs, kind, direction }: AcceptedMedia, bitrate: BitrateBounds): Pick<MediaDescription, 'rtp' | 'fmtp' | 'rtcpFb' | 'bandwidth'> {
  const bounds: BitrateBounds = kind === 'video' && direction !== 'sendonly' ? bitrate : {};
  return {
    rtp: codecs.flatMap(({ payloadType, name, clockRateHz, channels, rtxPayloadType }) => [
      { payload: payloadType, codec: name, rate: clockRateHz, ...(channels > 1 ? { encoding: channels } : {}) },
      ...(rtxPayloadType === undefined ? [] : [{ payload: rtxPayloadType, codec: 'rtx', rate: clockRateHz }]),
    ]),
    fmtp: codecs.flatMap((codec) => {
      const config = fmtpOf(codec, bounds);
      const own = config === '' ? [] : [{ payload: codec.payloadType, config }];
      return codec.rtxPayloadType === undefined ? own : [...own, { payload: codec.rtxPayloadType, config: `apt=${codec.payloadType}` }];
    }),
    rtcpFb: codecs.flatMap(({ payloadType, feedback }) => feedback.map((entry) => feedbackLine(payloadType, entry))),
    ...(bounds.maxBps === undefined ? {} : { bandwidth: [{ type: 'AS', limit: kbps(bounds.maxBps) }, { type: 'TIAS', limit: bounds.maxBps }] }),
  };
}

/** Chromium keeps its encoder within the bounds that stand in the format parameters. */
function fmtpOf({ fmtp }: NegotiatedCodec, { minBps, maxBps }: BitrateBounds): string {
  const own = fmtp === undefined ? [] : [fmtp];
  const bounds = [...(minBps === undefined ? [] : [`x-google-min-bitrate=${kbps(minBps)}`]), ...(maxBps === undefined ? [] : [`x-google-max-bitrate=${kbps(maxBps)}`])];
  return [...own, ...bounds].join(';');
}

function kbps(bps: number): number {
  return Math.max(1, Math.round(bps / 1000));
}

function feedbackLine(payload: number, feedback: string): { payload: number; type: string; subtype?: string } {
  const [type = '', subtype] = feedback.split(' ');
  return subtype === undefined ? { payload, type } : { payload, type, subtype };
}

function candidateLine({ transport, address, port, priority, foundation }: AnswerCandidate): NonNullable<MediaDescription['candidates']>[number] {
  return { foundation, component: 1, transport, priority, ip: address, port, type: 'host', ...(transport === 'tcp' ? { tcptype: 'passive' } : {}) };
}

function sourceLines({ ssrc, rtxSsrc, cname, streamId, trackId }: AnswerSource): Pick<MediaDescription, 'msid' | 'ssrcs' | 'ssrcGroups'> {
  const all = rtxSsrc === undefined ? [ssrc] : [ssrc, rtxSsrc];
  return {
    msid: [{ id: streamId, appdata: trackId }],
    ssrcs: all.flatMap((id) => [
      { id, attribute: 'cname', value: cname },
      { id, attribute: 'msid', value: `${streamId} ${trackId}` },
    ]),
    ...(rtxSsrc === undefined ? {} : { ssrcGroups: [{ semantics: 'FID', ssrcs: `${ssrc} ${rtxSsrc}` }] }),
  };
}
