import { ProtocolError } from '../../errors/wcs-error.ts';
import { av1ConfigOf, encodeAv1Config, OBU_TYPE, sequenceHeaderOf } from '../../formats/av1.ts';
import { encodeDops, isStereoOpusPacket, OPUS_CLOCK_RATE_HZ } from '../../formats/opus.ts';
import { parseVp8KeyFrame } from '../../formats/vp8.ts';
import { encodeVpConfig, parseVp9KeyFrame, vpConfigOf } from '../../formats/vp9.ts';
import { Av1ElementCursor } from './av1-elements.ts';
import { h264ParameterSets, hevcParameterSets } from './parameter-set-probe.ts';
import type { PayloadCodec } from './payload-formats.ts';
import { parseVp8Descriptor } from './vp8.ts';
import { parseVp9Descriptor } from './vp9-descriptor.ts';

/** What the payloads of a track tell of its format; fields that they don't tell are absent. */
export interface FormatFacts {
  /** Content of avcC, hvcC, av1C, vpcC or dOps. */
  readonly codecConfig?: Uint8Array;
  readonly width?: number;
  readonly height?: number;
  readonly hasBFrames?: boolean;
  readonly sampleRateHz?: number;
  readonly channels?: number;
}

/** Reads facts from one payload, or answers undefined for one that carries none. May throw a `ProtocolError`. */
export type FactsReader = (payload: Uint8Array) => FormatFacts | undefined;

/** Samples that a decoder leaves out at the start of what libopus made; a browser's stream doesn't say. */
const OPUS_PRE_SKIP = 312;

/** Watches the payloads of a track and tells its format when it becomes known and when it changes. */
export class FormatProbe {
  readonly #read: FactsReader;
  #facts: FormatFacts = {};

  constructor(codec: PayloadCodec) {
    this.#read = readerOf(codec);
  }

  /** What is known so far. */
  get facts(): FormatFacts {
    return this.#facts;
  }

  /** Looks at the next payload, in the order of arrival; answers all facts when they have changed. Never throws. */
  observe(payload: Uint8Array): FormatFacts | undefined {
    const facts = payload.length === 0 ? undefined : this.#tryRead(payload);
    if (facts === undefined || areSameFacts(facts, this.#facts)) return undefined;
    this.#facts = facts;
    return facts;
  }

  /** A broken header tells nothing. */
  #tryRead(payload: Uint8Array): FormatFacts | undefined {
    try {
      return this.#read(payload);
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }
}

function readerOf(codec: PayloadCodec): FactsReader {
  switch (codec) {
    case 'h264':
      return h264ParameterSets();
    case 'hevc':
      return hevcParameterSets();
    case 'vp8':
      return readVp8;
    case 'vp9':
      return readVp9;
    case 'av1':
      return readAv1;
    case 'opus':
      return opusReader();
    default:
      return () => undefined;
  }
}

function readVp8(payload: Uint8Array): FormatFacts | undefined {
  const descriptor = parseVp8Descriptor(payload);
  if (descriptor?.startsFrame !== true || ((payload[descriptor.length] ?? 1) & 1) !== 0) return undefined;
  const { width, height } = parseVp8KeyFrame(payload.subarray(descriptor.length));
  return { width, height, hasBFrames: false };
}

function readVp9(payload: Uint8Array): FormatFacts | undefined {
  const descriptor = parseVp9Descriptor(payload);
  if (descriptor === undefined || descriptor.interPicture || !descriptor.startsFrame || (descriptor.layer?.spatialId ?? 0) > 0) return undefined;
  const frame = parseVp9KeyFrame(payload.subarray(descriptor.length));
  // The frame is that of the lowest spatial layer; the structure before it knows the size of the highest.
  const { width, height } = descriptor.scalability?.sizes.at(-1) ?? frame;
  return { codecConfig: encodeVpConfig(vpConfigOf({ ...frame, width, height })), width, height, hasBFrames: false };
}

function readAv1(payload: Uint8Array): FormatFacts | undefined {
  const cursor = new Av1ElementCursor(payload);
  if (!cursor.newSequence) return undefined;
  while (cursor.next()) {
    const obu = payload.subarray(cursor.start, cursor.end);
    if ((((obu[0] ?? 0) >> 3) & 0x0f) !== OBU_TYPE.sequenceHeader || (cursor.last && cursor.continued)) continue;
    const sized = withSize(obu);
    const header = sequenceHeaderOf(sized);
    const config = av1ConfigOf(sized);
    if (header === undefined || config === undefined) return undefined;
    return { codecConfig: encodeAv1Config(config), width: header.width, height: header.height, hasBFrames: false };
  }
  return undefined;
}

/** A sequence header as av1C holds it, with a size. */
function withSize(obu: Uint8Array): Uint8Array {
  const header = obu[0] ?? 0;
  const bodyStart = (header & 0x04) === 0 ? 1 : 2;
  const bodyBytes = obu.length - bodyStart;
  if ((header & 0x02) !== 0 || bodyBytes < 0 || bodyBytes > 0x7f) return obu;
  return Uint8Array.from([header | 0x02, ...obu.subarray(1, bodyStart), bodyBytes, ...obu.subarray(bodyStart)]);
}

/** Opus decodes to any number of channels at 48 kHz: the first packet tells which one is meant, and later ones may switch back and forth. */
function opusReader(): FactsReader {
  let facts: FormatFacts | undefined;
  return (payload) => {
    if (facts !== undefined && (facts.channels === 2 || !isStereoOpusPacket(payload))) return facts;
    const channels = isStereoOpusPacket(payload) ? 2 : 1;
    const codecConfig = encodeDops({ channels, preSkip: OPUS_PRE_SKIP, inputSampleRateHz: OPUS_CLOCK_RATE_HZ, outputGain: 0 });
    return (facts = { codecConfig, channels, sampleRateHz: OPUS_CLOCK_RATE_HZ });
  };
}

function areSameFacts(a: FormatFacts, b: FormatFacts): boolean {
  if (a === b) return true;
  const same = a.width === b.width && a.height === b.height && a.hasBFrames === b.hasBFrames && a.channels === b.channels;
  const [left, right] = [a.codecConfig, b.codecConfig];
  if (!same || left === undefined || right === undefined) return same && left === right;
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
