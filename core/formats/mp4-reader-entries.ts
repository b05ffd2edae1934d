import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';
import { codecFormatOf, type MediaCodec } from './codec-format.ts';
import type { FileTrack } from './media-file.ts';
import { boxAt, childBoxes, fullBox, type Mp4Box } from './mp4-reader-boxes.ts';

const VISUAL_HEAD_BYTES = 78;
const AUDIO_HEAD_BYTES = 28;
/** Further bytes of QuickTime's sound descriptions of versions 1 and 2. */
const QUICKTIME_AUDIO_BYTES: readonly number[] = [0, 16, 36];

/** Codec of a visual sample entry, and the name of its configuration box. */
const VISUAL: Readonly<Record<string, readonly [MediaCodec, string]>> = {
  avc1: ['h264', 'avcC'], avc3: ['h264', 'avcC'],
  hvc1: ['hevc', 'hvcC'], hev1: ['hevc', 'hvcC'],
  av01: ['av1', 'av1C'],
  vp08: ['vp8', 'vpcC'], vp09: ['vp9', 'vpcC'],
};
/** Codec of an audio sample entry; that of `mp4a` is told by its descriptor. */
const AUDIO: Readonly<Record<string, MediaCodec>> = { 'Opus': 'opus', '.mp3': 'mp3', 'alaw': 'pcma', 'ulaw': 'pcmu' };

const ES_DESCRIPTOR = 3;
const DECODER_CONFIG_DESCRIPTOR = 4;
const DECODER_SPECIFIC_INFO = 5;
/** Object types. @see the MP4 registration authority */
const AAC_TYPES: ReadonlySet<number> = new Set([0x40, 0x66, 0x67, 0x68]);
const MP3_TYPES: ReadonlySet<number> = new Set([0x69, 0x6b]);

/** Reads a visual or audio sample entry; a name where its codec isn't carried. @see ISO/IEC 14496-12 section 12 @throws ProtocolError */
export function parseSampleEntry(kind: 'audio' | 'video', entry: Mp4Box): FileTrack | string {
  return kind === 'video' ? parseVisual(entry) : parseAudio(entry);
}

function parseVisual({ type, content }: Mp4Box): FileTrack | string {
  const known = VISUAL[type];
  if (known === undefined) return nameOf(type);
  const [codec, configBox] = known;
  const cursor = new ByteCursor(content);
  cursor.skip(24);
  const size = { width: cursor.u16(), height: cursor.u16() };
  const record = boxAt(childBoxes(content.subarray(VISUAL_HEAD_BYTES)), configBox);
  if (record === undefined) throw new ProtocolError(`A sample entry ${type} without ${configBox}`);
  // vpcC is a full box, the others aren't.
  const format = codecFormatOf(codec, configBox === 'vpcC' ? fullBox(record).cursor.rest() : record);
  return { kind: 'video', codec, ...size, ...format };
}

function parseAudio({ type, content }: Mp4Box): FileTrack | string {
  const cursor = new ByteCursor(content);
  cursor.skip(8);
  const version = cursor.u16();
  cursor.skip(6);
  const channels = cursor.u16();
  cursor.skip(6);
  const sampleRateHz = cursor.u16();
  const facts = { channels: Math.max(1, channels), sampleRateHz };
  const children = childBoxes(content.subarray(AUDIO_HEAD_BYTES + (QUICKTIME_AUDIO_BYTES[version] ?? 0)));
  if (type === 'mp4a') return parseMpegAudio(children, facts);
  const codec = AUDIO[type];
  if (codec === undefined) return nameOf(type);
  if (codec !== 'opus') return { kind: 'audio', codec, ...facts };
  const record = boxAt(children, 'dOps');
  if (record === undefined) throw new ProtocolError('A sample entry Opus without dOps');
  return { kind: 'audio', codec, ...codecFormatOf(codec, record) };
}

function parseMpegAudio(children: readonly Mp4Box[], facts: { readonly channels: number; readonly sampleRateHz: number }): FileTrack | string {
  const esds = boxAt(children, 'esds') ?? boxAt(children, 'wave/esds');
  if (esds === undefined) throw new ProtocolError('A sample entry mp4a without esds');
  const { objectType, config } = parseEsds(fullBox(esds).cursor);
  if (MP3_TYPES.has(objectType)) return { kind: 'audio', codec: 'mp3', ...facts };
  if (!AAC_TYPES.has(objectType)) return `mp4a of object type 0x${objectType.toString(16)}`;
  if (config === undefined) throw new ProtocolError('AAC without its configuration');
  return { kind: 'audio', codec: 'aac', ...codecFormatOf('aac', config) };
}

/** @see ISO/IEC 14496-1 section 7.2.6.5 */
function parseEsds(cursor: ByteCursor): { readonly objectType: number; readonly config: Uint8Array | undefined } {
  if (readDescriptor(cursor).tag !== ES_DESCRIPTOR) throw new ProtocolError('An esds without its ES descriptor', 0);
  cursor.skip(2);
  const flags = cursor.u8();
  if ((flags & 0x80) !== 0) cursor.skip(2);
  if ((flags & 0x40) !== 0) cursor.skip(cursor.u8());
  if ((flags & 0x20) !== 0) cursor.skip(2);
  const decoder = readDescriptor(cursor);
  if (decoder.tag !== DECODER_CONFIG_DESCRIPTOR) throw new ProtocolError('An esds without its decoder configuration', cursor.position);
  const objectType = cursor.u8();
  cursor.skip(12);
  if (decoder.bytes <= 13 || cursor.remaining < 2) return { objectType, config: undefined };
  const specific = readDescriptor(cursor);
  return { objectType, config: specific.tag === DECODER_SPECIFIC_INFO ? cursor.take(specific.bytes) : undefined };
}

/** Tag and length of a descriptor. @see ISO/IEC 14496-1 section 8.3.3 */
function readDescriptor(cursor: ByteCursor): { readonly tag: number; readonly bytes: number } {
  const tag = cursor.u8();
  let bytes = 0;
  for (let group = 0; group < 4; group += 1) {
    const byte = cursor.u8();
    bytes = bytes * 128 + (byte & 0x7f);
    if ((byte & 0x80) === 0) break;
  }
  return { tag, bytes };
}

function nameOf(type: string): string {
  return type === 'encv' || type === 'enca' ? 'an encrypted form' : JSON.stringify(type);
}
