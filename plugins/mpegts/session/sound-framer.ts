import { ProtocolError } from 'wcs-core';
import { aacConfigOfAdts, encodeAudioSpecificConfig, parseAdtsHeader, parseAudioSpecificConfig } from 'wcs-core/formats/aac';
import type { TsInputCodec } from 'wcs-core/formats/mpegts-reader';
import { MP3_HEADER_BYTES, parseMp3Header } from 'wcs-core/formats/mp3';
import { encodeDops, OPUS_CLOCK_RATE_HZ, opusPacketSamples } from 'wcs-core/formats/opus';
import { LatmDepacketiser } from 'wcs-core/rtp/payload/latm';

/** A codec of sound in a transport stream. */
export type SoundCodec = Exclude<TsInputCodec, 'h264' | 'hevc'>;

/** What a frame says of its stream. */
export interface SoundFormat {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** AudioSpecificConfig or dOps. */
  readonly codecConfig?: Uint8Array;
}

/** One frame as the media bus has it. */
export interface SoundFrame {
  readonly data: Uint8Array;
  /** In 1/90000 s, with a fraction: frames between two time stamps are counted by their samples. */
  readonly pts90k: number;
  readonly format: SoundFormat;
}

/** Plain data of a `SoundFramer`. */
export interface SoundFramerState {
  readonly rest: Uint8Array;
  readonly next90k: number | undefined;
}

/** A frame found in the bytes: what to hand on, and how long it is with its header. */
interface Found {
  readonly data: Uint8Array;
  readonly length: number;
  readonly samples: number;
  readonly format: SoundFormat;
}

/** Reads the frame at the start of the bytes; undefined when they end too soon. @throws ProtocolError when none begins here */
type ReadFrame = (bytes: Uint8Array) => Found | undefined;

const TICKS_PER_SECOND = 90_000;
const ADTS_HEADER_BYTES = 7;
const LOAS_HEADER_BYTES = 3;
const LOAS_SYNC = 0x2b7;
/** No frame of any of the codecs is longer. */
const MAX_REST_BYTES = 64 * 1024;
/** Samples that a decoder leaves out at the start of what libopus made; the transport stream doesn't say. */
const OPUS_PRE_SKIP = 312;

/**
 * Cuts the sound of a transport stream into frames, also such as begin in one PES packet and end in the next. The time
 * stamp of a packet is that of the first frame that begins in it.
 */
export class SoundFramer {
  readonly #read: ReadFrame;
  #rest: Uint8Array;
  #next90k: number | undefined;
  #skippedBytes = 0;

  /** @param channels of an Opus stream, where the program map tells */
  constructor(codec: SoundCodec, channels: number | undefined, state: SoundFramerState = { rest: new Uint8Array(0), next90k: undefined }) {
    this.#read = readerOf(codec, channels);
    this.#rest = state.rest;
    this.#next90k = state.next90k;
  }

  /** Bytes passed over because no frame began there. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  exportState(): SoundFramerState {
    return { rest: Uint8Array.from(this.#rest), next90k: this.#next90k };
  }

  /** @param lost what came before is of no use to these bytes */
  push(data: Uint8Array, pts90k: number | undefined, lost: boolean): SoundFrame[] {
    const carried = lost ? 0 : this.#rest.length;
    const bytes = carried === 0 ? data : Buffer.concat([this.#rest, data]);
    const frames: SoundFrame[] = [];
    let stamp = pts90k;
    let at = 0;
    while (at < bytes.length) {
      if (at >= carried && stamp !== undefined) {
        this.#next90k = stamp;
        stamp = undefined;
      }
      const found = this.#tryRead(bytes.subarray(at));
      if (found === 'none') {
        at += 1;
        this.#skippedBytes += 1;
        continue;
      }
      if (found === undefined) break;
      if (this.#next90k !== undefined) {
        frames.push({ data: found.data, pts90k: this.#next90k, format: found.format });
        this.#next90k += (found.samples * TICKS_PER_SECOND) / found.format.sampleRateHz;
      }
      at += found.length;
    }
    const rest = bytes.subarray(at);
    this.#rest = rest.length > MAX_REST_BYTES ? new Uint8Array(0) : rest;
    return frames;
  }

  #tryRead(bytes: Uint8Array): Found | undefined | 'none' {
    try {
      return this.#read(bytes);
    } catch (error) {
      if (error instanceof ProtocolError) return 'none';
      throw error;
    }
  }
}

function readerOf(codec: SoundCodec, channels: number | undefined): ReadFrame {
  switch (codec) {
    case 'aac':
      return readAdts;
    case 'mp3':
      return readMp3;
    case 'aacLatm':
      return latmReader();
    case 'opus':
      return (bytes) => readOpus(bytes, channels ?? 2);
  }
}

function readAdts(bytes: Uint8Array): Found | undefined {
  if (bytes.length < ADTS_HEADER_BYTES) { beginsWith(bytes, 0xff); return; }
  const header = parseAdtsHeader(bytes);
  if (header.blocks !== 1) throw new ProtocolError('ADTS with several blocks in a frame');
  const config = aacConfigOfAdts(header);
  if (bytes.length < header.frameLength) return undefined;
  const { sampleRateHz, channels, samplesPerFrame } = config;
  const format = { sampleRateHz, channels, codecConfig: encodeAudioSpecificConfig(config) };
  return { data: bytes.subarray(header.headerLength, header.frameLength), length: header.frameLength, samples: samplesPerFrame, format };
}

function readMp3(bytes: Uint8Array): Found | undefined {
  if (bytes.length < MP3_HEADER_BYTES) { beginsWith(bytes, 0xff); return; }
  const { layer, frameLength, samplesPerFrame, sampleRateHz, channels } = parseMp3Header(bytes);
  if (layer !== 3) throw new ProtocolError(`MPEG audio of layer ${layer}`);
  if (bytes.length < frameLength) return undefined;
  return { data: bytes.subarray(0, frameLength), length: frameLength, samples: samplesPerFrame, format: { sampleRateHz, channels } };
}

/** LOAS: a sync word of 11 bits, a length of 13, and an AudioMuxElement. @see ISO/IEC 14496-3 section 1.7.2 */
function latmReader(): ReadFrame {
  let frames: Uint8Array[] = [];
  const elements = new LatmDepacketiser({ clockRateHz: TICKS_PER_SECOND, configInBand: true }, ({ data }) => void frames.push(data));
  return (bytes) => {
    if (bytes.length < LOAS_HEADER_BYTES) { beginsWith(bytes, LOAS_SYNC >> 3); return; }
    const [first = 0, second = 0, third = 0] = bytes;
    if (((first << 3) | (second >> 5)) !== LOAS_SYNC) throw new ProtocolError('No LOAS sync word');
    const length = LOAS_HEADER_BYTES + (((second & 0x1f) << 8) | third);
    if (bytes.length < length) return undefined;
    frames = [];
    elements.push(bytes.subarray(LOAS_HEADER_BYTES, length), 0, true, false);
    const { codecConfig } = elements;
    const [frame] = frames;
    if (codecConfig === undefined || frame === undefined || frames.length > 1) throw new ProtocolError('LATM that is not read');
    const { sampleRateHz, channels, samplesPerFrame } = parseAudioSpecificConfig(codecConfig);
    return { data: frame, length, samples: samplesPerFrame, format: { sampleRateHz, channels, codecConfig } };
  };
}

/** A control header, with the size in bytes of 255 and a rest, and the packet. @see Encapsulation of Opus in MPEG-TS (draft 0.1.3), section 4 */
function readOpus(bytes: Uint8Array, channels: number): Found | undefined {
  if (bytes.length < 3) { beginsWith(bytes, 0x7f); return; }
  const [first = 0, flags = 0] = bytes;
  if (((first << 3) | (flags >> 5)) !== 0x3ff) throw new ProtocolError('No Opus control header');
  let at = 2;
  let size = 0;
  for (let step = 255; step === 255; size += step) {
    step = bytes[at++] ?? -1;
    if (step < 0) return undefined;
  }
  if ((flags & 0x10) !== 0) at += 2;
  if ((flags & 0x08) !== 0) at += 2;
  if ((flags & 0x04) !== 0) at += 1 + (bytes[at] ?? 0);
  const end = at + size;
  if (size === 0 || end > MAX_REST_BYTES) throw new ProtocolError(`An Opus packet of ${size} bytes`);
  if (bytes.length < end) return undefined;
  const data = bytes.subarray(at, end);
  const codecConfig = encodeDops({ channels, preSkip: OPUS_PRE_SKIP, inputSampleRateHz: OPUS_CLOCK_RATE_HZ, outputGain: 0 });
  return { data, length: end, samples: opusPacketSamples(data), format: { sampleRateHz: OPUS_CLOCK_RATE_HZ, channels, codecConfig } };
}

/** Too short for a header: it may become one, or not. */
function beginsWith(bytes: Uint8Array, first: number): undefined {
  if (bytes[0] !== first) throw new ProtocolError('No sync word');
  return undefined;
}
