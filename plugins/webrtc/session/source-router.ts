import { headerExtensionsOf } from 'wcs-core/rtp/header-extensions';
import { rtpPayloadType, rtpSsrc } from 'wcs-core/rtp/packet';
import { EXTENSION, type AcceptedMedia } from '../wire/negotiate-answer.ts';

/** SSRCs that one peer may bring up without having named them in its offer. */
const LEARNT_MAX = 16;

/** What the packets of one SSRC are. */
export interface SourceRoute {
  /** Index of the m-section in the offer. */
  readonly index: number;
  /** Layer of a simulcast publisher. */
  readonly rid: string | undefined;
  /** The SSRC that is repeated here; undefined for media itself. */
  readonly repeats: number | undefined;
}

/** Plain data of a `SourceRouter`. */
export type SourceRouterState = readonly (readonly [number, SourceRoute])[];

interface Identity {
  readonly media: AcceptedMedia;
  readonly rid: string | undefined;
  readonly isRepair: boolean;
}

/**
 * Tells which m-section a packet belongs to: by its SSRC where the offer or an earlier packet named it, else by the
 * identification that it carries, else by its payload type. @see RFC 9143 section 9.2
 */
export class SourceRouter {
  readonly #media: readonly AcceptedMedia[];
  readonly #routes: Map<number, SourceRoute>;
  #learnt = 0;

  constructor(media: readonly AcceptedMedia[], state?: SourceRouterState) {
    this.#media = media;
    this.#routes = new Map(state ?? media.flatMap(namedRoutes));
  }

  exportState(): SourceRouterState {
    return [...this.#routes];
  }

  /**
   * The route of a packet; undefined for one that belongs nowhere.
   *
   * @param indices of the m-sections that use the transport that it came from
   * @throws ProtocolError for a packet of an unknown SSRC whose header extensions make no sense
   */
  route(rtp: Uint8Array, indices: readonly number[]): SourceRoute | undefined {
    const ssrc = rtpSsrc(rtp);
    const known = this.#routes.get(ssrc);
    if (known !== undefined) return known;
    if (this.#learnt >= LEARNT_MAX) return undefined;
    const here = this.#media.filter(({ index }) => indices.includes(index));
    const identity = identified(rtp, here) ?? this.#byPayloadType(rtp, here);
    if (identity === undefined) return undefined;
    const route = this.#routeOf(identity);
    if (route === undefined) return undefined;
    this.#learnt++;
    this.#routes.set(ssrc, route);
    return route;
  }

  #routeOf({ media, rid, isRepair }: Identity): SourceRoute | undefined {
    if (!isRepair) return { index: media.index, rid, repeats: undefined };
    for (const [ssrc, route] of this.#routes) {
      if (route.index === media.index && route.rid === rid && route.repeats === undefined) return { index: media.index, rid, repeats: ssrc };
    }
    return undefined;
  }

  /** Good for one source of each m-section only: a further one with the same payload type would be anybody's. */
  #byPayloadType(rtp: Uint8Array, here: readonly AcceptedMedia[]): Identity | undefined {
    const payloadType = rtpPayloadType(rtp);
    for (const media of here) {
      if (media.rids.length > 0) continue;
      const bound = [...this.#routes.values()].filter(({ index }) => index === media.index);
      const isMedia = media.codecs.some((codec) => codec.payloadType === payloadType);
      const isRepair = media.codecs.some((codec) => codec.rtxPayloadType === payloadType);
      if (isMedia && !bound.some(({ repeats }) => repeats === undefined)) return { media, rid: undefined, isRepair: false };
      if (isRepair && !bound.some(({ repeats }) => repeats !== undefined)) return { media, rid: undefined, isRepair: true };
    }
    return undefined;
  }
}

function namedRoutes({ index, ssrcs, rtxSsrcs, rids }: AcceptedMedia): [number, SourceRoute][] {
  // Of a section without layers the first SSRC is the picture; layers are told apart by what their packets carry.
  const [ssrc] = ssrcs;
  if (ssrc === undefined || rids.length > 0) return [];
  const rtx = rtxSsrcs.find(({ repeats }) => repeats === ssrc);
  const own: [number, SourceRoute] = [ssrc, { index, rid: undefined, repeats: undefined }];
  return rtx === undefined ? [own] : [own, [rtx.ssrc, { index, rid: undefined, repeats: ssrc }]];
}

function identified(rtp: Uint8Array, here: readonly AcceptedMedia[]): Identity | undefined {
  const elements = headerExtensionsOf(rtp);
  if (elements.length === 0) return undefined;
  for (const media of here) {
    const read = (uri: string): string | undefined => {
      const id = media.extensions.find((extension) => extension.uri === uri)?.id;
      const element = elements.find((candidate) => candidate.id === id);
      return element === undefined ? undefined : new TextDecoder().decode(element.data);
    };
    const mid = read(EXTENSION.mid);
    if (mid !== media.mid || mid === undefined) continue;
    const repaired = read(EXTENSION.repairedRid);
    const rid = repaired ?? read(EXTENSION.rid);
    if (media.rids.length > 0 && (rid === undefined || !media.rids.includes(rid))) continue;
    const isRepair = repaired !== undefined || media.codecs.some(({ rtxPayloadType }) => rtxPayloadType === rtpPayloadType(rtp));
    return { media, rid, isRepair };
  }
  return undefined;
}
