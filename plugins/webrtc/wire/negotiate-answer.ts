import { ProtocolError, WcsError, type Codec, type MediaDirection, type TrackDescriptor } from 'wcs-core';
import { fitOf, type FormatUse } from './codec-match.ts';
import type { OfferedCodec } from 'wcs-core/formats/sdp-codecs';
import type { HeaderExtension, OfferedMedia, OfferedTransport, SdpOffer } from './sdp-offer.ts';

/** Header extensions that are ever taken. @see 3GPP TS 26.114 section 7.4.5, RFC 8852, RFC 9143 section 15 */
export const EXTENSION = {
  orientation: 'urn:3gpp:video-orientation',
  mid: 'urn:ietf:params:rtp-hdrext:sdes:mid',
  rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  repairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
} as const;

/** RTCP feedback that is understood; congestion control by transport-wide sequence numbers is not taken on purpose. */
const FEEDBACK = { audio: ['nack'], video: ['nack', 'nack pli', 'ccm fir', 'goog-remb'] } as const;
const SECURE_PROFILES = new Set(['UDP/TLS/RTP/SAVPF', 'TCP/TLS/RTP/SAVPF', 'RTP/SAVPF', 'UDP/TLS/RTP/SAVP']);
/** Layers of one simulcast publisher, at most. */
const LAYERS_MAX = 4;

/** Codecs whose layers can follow each other in one stream of packets; frames of VP9 name others by numbers of their layer. */
const LAYERED_CODECS: ReadonlySet<Codec> = new Set(['h264', 'hevc', 'vp8', 'av1']);

const SERVER_DIRECTION = { publish: 'recvonly', play: 'sendonly', both: 'sendrecv' } as const satisfies Record<MediaDirection, AcceptedMedia['direction']>;

/** What the server wants of a session. */
export interface AnswerCapabilities {
  /** Codecs that the server takes, or can send. */
  readonly codecs: readonly Codec[];
  /** To play: the stream's tracks, whose codecs come first. */
  readonly tracks?: readonly TrackDescriptor[];
  /** Take the orientation of pictures as a header extension. */
  readonly orientation: boolean;
  /** Take several layers of one picture. */
  readonly simulcast: boolean;
}

/** A format of the answer. */
export interface NegotiatedCodec {
  readonly codec: Codec;
  readonly payloadType: number;
  readonly name: string;
  readonly clockRateHz: number;
  readonly channels: number;
  readonly fmtp: string | undefined;
  readonly feedback: readonly string[];
  readonly rtxPayloadType: number | undefined;
}

/** An m-section that carries media. */
export interface AcceptedMedia {
  readonly type: 'accepted';
  /** Place of the m-section in the offer. */
  readonly index: number;
  readonly kind: 'audio' | 'video';
  readonly mid: string | undefined;
  readonly protocol: string;
  /** As the server sees it. */
  readonly direction: 'sendonly' | 'recvonly' | 'sendrecv';
  /** The format in use first; to publish, the only one. */
  readonly codecs: readonly NegotiatedCodec[];
  readonly extensions: readonly HeaderExtension[];
  readonly ssrcs: readonly number[];
  readonly rtxSsrcs: OfferedMedia['rtxSsrcs'];
  /** Layers of a simulcast publisher; empty without simulcast. */
  readonly rids: readonly string[];
  readonly rtcpRsize: boolean;
  readonly transport: OfferedTransport;
}

/** An m-section that is refused. */
export interface RejectedMedia {
  readonly type: 'rejected';
  readonly index: number;
  readonly kind: string;
  readonly mid: string | undefined;
  readonly protocol: string;
  readonly formats: string;
}

/** The answer to an offer, one entry for each of its m-sections, in their order. */
export interface NegotiatedAnswer {
  readonly media: readonly (AcceptedMedia | RejectedMedia)[];
  /** Mids that share one transport; empty where each m-section has its own. */
  readonly bundle: readonly string[];
}

/**
 * Answers an offer: the first m-section of each kind that fits is taken, in the formats of the offer.
 *
 * @throws ProtocolError where an m-section that would be taken lacks what it takes to connect, WcsError
 *   MEDIA_E_NO_COMMON_CODEC where none fits
 * @see RFC 3264 section 6
 */
export function negotiateAnswer(offer: SdpOffer, direction: MediaDirection, capabilities: AnswerCapabilities): NegotiatedAnswer {
  const taken = new Set<string>();
  const media = offer.media.map((offered, index): AcceptedMedia | RejectedMedia => {
    const codecs = taken.has(offered.kind) ? [] : codecsFor(offered, direction, capabilities);
    if (codecs.length === 0) return rejected(offered, index);
    taken.add(offered.kind);
    return accepted(offered, index, codecs, direction, capabilities);
  });
  if (taken.size === 0) throw nothingInCommon(offer, direction);
  const inBundle = media.filter((entry) => entry.type === 'accepted' && entry.mid !== undefined && offer.bundle.includes(entry.mid));
  return { media, bundle: inBundle.flatMap(({ mid }) => mid ?? []) };
}

/** The formats of an m-section that the server uses: none where its direction or its profile does not fit. */
function codecsFor(offered: OfferedMedia, direction: MediaDirection, capabilities: AnswerCapabilities): NegotiatedCodec[] {
  const flows = offered.direction === 'sendrecv' || (direction !== 'both' && offered.direction === (direction === 'publish' ? 'sendonly' : 'recvonly'));
  // Port 0 is a section that is out of use, unless it goes along on the transport of another one.
  const open = offered.port !== 0 || offered.mid !== undefined;
  if (!flows || !open || !SECURE_PROFILES.has(offered.protocol)) return [];
  if (direction === 'publish') return chooseReceived(offered, capabilities.codecs);
  if (direction === 'both') return chooseExchanged(offered, capabilities.codecs);
  return chooseSent(offered, capabilities);
}

/** Whoever publishes has put the formats into the order that it likes; of one codec the best fit. */
function chooseReceived(offered: OfferedMedia, codecs: readonly Codec[]): NegotiatedCodec[] {
  const use: FormatUse = { type: 'receive' };
  for (const candidate of offered.codecs) {
    const codec = codecs.find((one) => fitOf(candidate, one, use) !== undefined);
    const best = codec === undefined ? undefined : bestFormat(offered, codec, use);
    if (best !== undefined) return [best];
  }
  return [];
}

/** One format that goes both ways, in the order that the server likes. */
function chooseExchanged(offered: OfferedMedia, codecs: readonly Codec[]): NegotiatedCodec[] {
  const [best] = codecs.flatMap((codec) => bestFormat(offered, codec, { type: 'send' }) ?? []);
  return best === undefined ? [] : [best];
}

/** One format of each codec, so that the stream may change its codec under the viewer. */
function chooseSent(offered: OfferedMedia, { codecs, tracks = [] }: AnswerCapabilities): NegotiatedCodec[] {
  const current = tracks.filter(({ kind }) => kind === offered.kind);
  const ordered = new Set([...current.map(({ codec }) => codec), ...codecs]);
  const formats = [...ordered].filter((codec) => codecs.includes(codec)).map((codec) => bestFormat(offered, codec, { type: 'send', track: current.find((track) => track.codec === codec) }));
  return formats.filter((format) => format !== undefined);
}

function bestFormat(offered: OfferedMedia, codec: Codec, use: FormatUse): NegotiatedCodec | undefined {
  let best: { readonly format: OfferedCodec; readonly fit: number } | undefined;
  for (const format of offered.codecs) {
    const fit = fitOf(format, codec, use);
    if (fit !== undefined && (best === undefined || fit > best.fit)) best = { format, fit };
  }
  if (best === undefined) return undefined;
  const { payloadType, name, clockRateHz, channels, fmtp, feedback, rtxPayloadType } = best.format;
  const understood: readonly string[] = offered.kind === 'video' ? FEEDBACK.video : FEEDBACK.audio;
  return { codec, payloadType, name, clockRateHz, channels, fmtp, feedback: understood.filter((type) => feedback.includes(type)), rtxPayloadType };
}

function accepted(offered: OfferedMedia, index: number, codecs: readonly NegotiatedCodec[], direction: MediaDirection, capabilities: AnswerCapabilities): AcceptedMedia {
  const { mid, protocol, ssrcs, rtxSsrcs, rtcpRsize, transport } = offered;
  const kind = offered.kind === 'video' ? 'video' : 'audio';
  if (transport === undefined) throw new ProtocolError(`The ${kind} section of the offer has ${offered.transportProblem ?? 'no transport'}.`);
  if (transport.setup === 'passive') throw new ProtocolError(`The ${kind} section of the offer has a=setup:passive; the server is the passive side.`);
  if (!offered.rtcpMux) throw new ProtocolError(`The ${kind} section of the offer has no a=rtcp-mux; RTP and RTCP share one port here.`);
  const isLayered = capabilities.simulcast && offered.rids.length > 1 && codecs.every(({ codec }) => LAYERED_CODECS.has(codec));
  const rids = direction === 'publish' && isLayered ? offered.rids.slice(0, LAYERS_MAX) : [];
  return {
    type: 'accepted',
    index,
    kind,
    mid,
    protocol,
    direction: SERVER_DIRECTION[direction],
    codecs,
    extensions: extensionsFor(offered, rids, direction, capabilities),
    ssrcs,
    rtxSsrcs,
    rids,
    rtcpRsize,
    transport,
  };
}

function extensionsFor(offered: OfferedMedia, rids: readonly string[], direction: MediaDirection, { orientation }: AnswerCapabilities): HeaderExtension[] {
  const wanted: string[] = [];
  if (orientation && offered.kind === 'video') wanted.push(EXTENSION.orientation);
  // A publisher that names no SSRC, or sends layers, tells its packets apart by what stands in them.
  if (direction !== 'play' && (rids.length > 0 || offered.ssrcs.length === 0)) wanted.push(EXTENSION.mid);
  if (rids.length > 0) wanted.push(EXTENSION.rid, EXTENSION.repairedRid);
  return offered.extensions.filter(({ uri }) => wanted.includes(uri));
}

function rejected({ kind, mid, protocol, formats }: OfferedMedia, index: number): RejectedMedia {
  return { type: 'rejected', index, kind, mid, protocol, formats };
}

function nothingInCommon(offer: SdpOffer, direction: MediaDirection): WcsError {
  const offered = offer.media.map(({ kind, direction: way, codecs }) => `${kind} ${way}: ${[...new Set(codecs.map(({ name }) => name))].join(', ')}`);
  return new WcsError('MEDIA_E_NO_COMMON_CODEC', 'No common codecs', { details: { direction, offered: offered.slice(0, 8) } });
}
