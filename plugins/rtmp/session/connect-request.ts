import { amfProperties, isAmfArray, type AmfObject, type AmfValue } from 'wcs-core/formats/amf';
import { splitAddress, type UrlParams } from './url-params.ts';

/** Characters of a text in the connect command, at most. */
const MAX_TEXT = 4096;

/** Codecs beyond the classic ones that a player may announce, by four-character code. @see Enhanced RTMP v2, "Enhancing NetConnection connect Command" */
export const FOUR_CCS = ['av01', 'vp09', 'vp08', 'hvc1', 'avc1', 'Opus', 'mp4a', '.mp3'] as const;
/** One of `FOUR_CCS`. */
export type FourCc = (typeof FOUR_CCS)[number];

/** Bit of `…FourCcInfoMap`: the peer can decode, or pass the codec on. */
const CAN_DECODE = 1;
const CAN_FORWARD = 4;

/** What a peer says of itself when it connects; plain data. */
export interface ConnectRequest {
  /** Application name without parameters, perhaps empty. */
  readonly app: string;
  /** Parameters of the application and of `tcUrl`. */
  readonly params: UrlParams;
  readonly userAgent: string;
  /** 0 or 3: the AMF version of the peer's objects. */
  readonly objectEncoding: number;
  /** Enhanced codecs that the peer can take. */
  readonly fourCcs: readonly FourCc[];
}

/** Reads the command object of `connect`. Everything in it may be missing or of the wrong type: peers are that different. */
export function parseConnect(object: AmfValue): ConnectRequest {
  const facts: AmfObject = amfProperties(object) ?? {};
  const app = splitAddress(textOf(facts.app));
  const tcUrl = splitAddress(textOf(facts.tcUrl));
  return {
    app: app.path.replace(/^\/+|\/+$/g, ''),
    params: { ...tcUrl.params, ...app.params },
    userAgent: textOf(facts.flashVer).slice(0, 255),
    objectEncoding: facts.objectEncoding === 3 ? 3 : 0,
    fourCcs: fourCcsOf(facts),
  };
}

/** The enhanced codecs that a peer, client or server, says it can take. */
export function fourCcsOf(facts: AmfObject): readonly FourCc[] {
  const announced = new Set<string>();
  const { fourCcList } = facts;
  if (fourCcList !== undefined && fourCcList !== null) for (const item of itemsOf(fourCcList)) if (typeof item === 'string') announced.add(item);
  for (const map of [facts.videoFourCcInfoMap, facts.audioFourCcInfoMap]) {
    for (const [name, mask] of Object.entries(amfProperties(map) ?? {})) {
      if (typeof mask === 'number' && (mask & (CAN_DECODE | CAN_FORWARD)) !== 0) announced.add(name);
    }
  }
  return announced.has('*') ? FOUR_CCS : FOUR_CCS.filter((fourCc) => announced.has(fourCc));
}

/** A list may come as a strict array or as an array with numbers for names. */
function itemsOf(value: AmfValue): readonly AmfValue[] {
  return isAmfArray(value) ? value : Object.values(amfProperties(value) ?? {});
}

function textOf(value: AmfValue): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}
