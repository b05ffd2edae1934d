import { open } from 'node:fs/promises';
import { containedPath, ProtocolError, WcsError, type TrackDescriptor } from 'wcs-core';
import { aacConfigOfAdts, encodeAudioSpecificConfig, parseAdtsHeader, parseAudioSpecificConfig } from 'wcs-core/formats/aac';
import type { ByteSource } from 'wcs-core/formats/byte-source';
import { FlvReader, parseAudioBody } from 'wcs-core/formats/flv';
import { indexMediaFile, openMediaReader } from 'wcs-core/formats/media-reader';
import { NEED_MORE } from 'wcs-core/formats/need-more';

/** Bytes of a sound file, at most: more than an hour of sound alone. */
export const MAX_SOUND_BYTES = 64 * 1024 * 1024;

/** What is read of an MP4 or Matroska file at once. */
const STEP = { bytes: 4 * 1024 * 1024, spanUs: 60_000_000 };

/** The sound of a file, whole; plain data. */
export interface Sound {
  readonly track: TrackDescriptor;
  /** Duration of each frame, in microseconds. */
  readonly frameUs: number;
  /** Raw AAC frames. */
  readonly frames: readonly Uint8Array[];
}

/**
 * Reads the AAC sound of an MP4, Matroska, FLV or ADTS file.
 *
 * @param folder where the files are; the name cannot lead out of it
 * @throws WcsError ACCESS_E_REFUSED for a name that leads elsewhere, MEDIA_E_NOT_FOUND, OPERATION_E_INPUT for a file of another kind
 */
export async function readSound(folder: string, name: string): Promise<Sound> {
  const bytes = await readWhole(containedPath(folder, name), name);
  try {
    const [config, frames] = await contentsOf(bytes);
    return soundOf(config, frames);
  } catch (error) {
    if (!(error instanceof WcsError)) throw error;
    throw new WcsError('OPERATION_E_INPUT', `The sound of ${name} cannot be sent as it is: AAC in MP4, Matroska, FLV and .aac files (ADTS) can. ${error.message}`, { cause: error });
  }
}

function contentsOf(bytes: Uint8Array): Promise<Contents> | Contents {
  if (String.fromCharCode(...bytes.subarray(0, 3)) === 'FLV') return flvSound(bytes);
  const isAdts = bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xf6) === 0xf0;
  return isAdts ? adtsSound(bytes) : containerSound(bytes);
}

async function readWhole(path: string, name: string): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new WcsError('MEDIA_E_NOT_FOUND', `There is no sound file ${name}.`, { cause: error });
  });
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw new WcsError('MEDIA_E_NOT_FOUND', `${name} is not a file.`);
    if (facts.size > MAX_SOUND_BYTES) throw new WcsError('OPERATION_E_INPUT', `The sound file ${name} has ${facts.size} bytes; ${MAX_SOUND_BYTES} are allowed.`);
    const { buffer, byteOffset, length } = await file.readFile();
    // No Buffer: a slice of one would keep the whole file in memory.
    return new Uint8Array(buffer, byteOffset, length);
  } finally {
    await file.close();
  }
}

type Contents = readonly [config: Uint8Array, frames: Uint8Array[]];

function flvSound(bytes: Uint8Array): Contents {
  const reader = new FlvReader();
  reader.push(bytes);
  let config: Uint8Array | undefined;
  const frames: Uint8Array[] = [];
  for (let tag = reader.next(); tag !== NEED_MORE; tag = reader.next()) {
    if (tag.type !== 'audio') continue;
    for (const packet of parseAudioBody(tag.body)) {
      if (packet.codec !== 'aac') throw new ProtocolError(`Its sound is ${packet.codec}`);
      if (packet.packet === 'config') config = packet.data.slice();
      else if (packet.packet === 'frame') frames.push(packet.data.slice());
    }
  }
  if (config === undefined) throw new ProtocolError('It has no sound');
  return [config, frames];
}

function adtsSound(bytes: Uint8Array): Contents {
  const frames: Uint8Array[] = [];
  let config: Uint8Array | undefined;
  for (let at = 0; at + 7 <= bytes.length; ) {
    const header = parseAdtsHeader(bytes, at);
    if (header.blocks !== 1) throw new ProtocolError('Its frames hold several blocks each', at);
    config ??= encodeAudioSpecificConfig(aacConfigOfAdts(header));
    const end = at + header.frameLength;
    if (end <= bytes.length) frames.push(bytes.slice(at + header.headerLength, end));
    at = end;
  }
  if (config === undefined) throw new ProtocolError('It has no sound');
  return [config, frames];
}

async function containerSound(bytes: Uint8Array): Promise<Contents> {
  const source: ByteSource = { size: bytes.length, read: (position, length) => Promise.resolve(bytes.slice(position, position + length)) };
  const reader = openMediaReader(source, await indexMediaFile(source));
  const place = reader.tracks.findIndex(({ kind }) => kind === 'audio');
  const track = reader.tracks[place];
  if (track === undefined) throw new ProtocolError('It has no sound');
  if (track.codec !== 'aac' || track.codecConfig === undefined) throw new ProtocolError(`Its sound is ${track.codec}`);
  const frames: Uint8Array[] = [];
  for (let samples = await reader.next(STEP); samples.length > 0; samples = await reader.next(STEP)) {
    for (const sample of samples) if (sample.track === place) frames.push(sample.data.slice());
  }
  return [track.codecConfig, frames];
}

function soundOf(codecConfig: Uint8Array, frames: readonly Uint8Array[]): Sound {
  if (frames.length === 0) throw new ProtocolError('It has no sound');
  const { sampleRateHz, channels, samplesPerFrame } = parseAudioSpecificConfig(codecConfig);
  const track: TrackDescriptor = { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: sampleRateHz, sampleRateHz, channels, codecConfig, revision: 0 };
  return { track, frameUs: (samplesPerFrame * 1_000_000) / sampleRateHz, frames };
}
