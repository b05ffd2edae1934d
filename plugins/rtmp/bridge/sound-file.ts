import { open } from 'node:fs/promises';
import { containedPath, ProtocolError, WcsError, type TrackDescriptor } from 'wcs-core';
import { aacConfigOfAdts, encodeAudioSpecificConfig, parseAdtsHeader, parseAudioSpecificConfig } from 'wcs-core/formats/aac';
import { FlvReader, parseAudioBody } from 'wcs-core/formats/flv';
import { NEED_MORE } from 'wcs-core/formats/need-more';

/** Bytes of a sound file, at most: more than an hour of sound alone. */
export const MAX_SOUND_BYTES = 64 * 1024 * 1024;

/** The sound of a file, whole; plain data. */
export interface Sound {
  readonly track: TrackDescriptor;
  /** Duration of each frame, in microseconds. */
  readonly frameUs: number;
  /** Raw AAC frames. */
  readonly frames: readonly Uint8Array[];
}

/**
 * Reads the AAC sound of an FLV or ADTS file.
 *
 * @param folder where the files are; the name cannot lead out of it
 * @throws WcsError ACCESS_E_REFUSED for a name that leads elsewhere, MEDIA_E_NOT_FOUND, OPERATION_E_INPUT for a file of another kind
 */
export async function readSound(folder: string, name: string): Promise<Sound> {
  const bytes = await readWhole(containedPath(folder, name), name);
  try {
    const [config, frames] = bytes.subarray(0, 3).toString('latin1') === 'FLV' ? flvSound(bytes) : adtsSound(bytes);
    return soundOf(config, frames);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new WcsError('OPERATION_E_INPUT', `The sound of ${name} cannot be sent as it is: FLV files with AAC and .aac files (ADTS) can. ${error.message}`, { cause: error });
  }
}

async function readWhole(path: string, name: string): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new WcsError('MEDIA_E_NOT_FOUND', `There is no sound file ${name}.`, { cause: error });
  });
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw new WcsError('MEDIA_E_NOT_FOUND', `${name} is not a file.`);
    if (facts.size > MAX_SOUND_BYTES) throw new WcsError('OPERATION_E_INPUT', `The sound file ${name} has ${facts.size} bytes; ${MAX_SOUND_BYTES} are allowed.`);
    return await file.readFile();
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

function soundOf(codecConfig: Uint8Array, frames: readonly Uint8Array[]): Sound {
  if (frames.length === 0) throw new ProtocolError('It has no sound');
  const { sampleRateHz, channels, samplesPerFrame } = parseAudioSpecificConfig(codecConfig);
  const track: TrackDescriptor = { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: sampleRateHz, sampleRateHz, channels, codecConfig, revision: 0 };
  return { track, frameUs: (samplesPerFrame * 1_000_000) / sampleRateHz, frames };
}
