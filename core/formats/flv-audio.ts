import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { invert, readModifiers, readSingleTrack, readTracks, writeExHead, writeManyTracks, writeOneTrack, type ExTrack, type ExTrackOut } from './flv-enhanced.ts';
import type { FlvAudioCodec, FlvAudioPacket, FlvBody, FlvChannelLayout, FlvSound } from './flv-packet.ts';
import type { FlvForm } from './flv-video.ts';

const EX_FORMAT = 9;
const AAC_FORMAT = 10;
const AAC = { config: 0, frame: 1 } as const;
const EX = { config: 0, frame: 1, end: 2, channels: 4, multitrack: 5 } as const;
const CHANNEL_ORDER = { unspecified: 0, native: 1, custom: 2 } as const;
const SAMPLE_RATES_HZ = [5512, 11025, 22050, 44100] as const;

/** Sound formats, with the rate and the channels that a codec fixes whatever the bits say. */
const FORMATS: ReadonlyMap<number, { readonly codec: FlvAudioCodec; readonly rateHz?: number; readonly mono?: true }> = new Map([
  [0, { codec: 'pcm' }],
  [1, { codec: 'adpcm' }],
  [2, { codec: 'mp3' }],
  [3, { codec: 'pcm' }],
  [4, { codec: 'nellymoser', rateHz: 16000, mono: true }],
  [5, { codec: 'nellymoser', rateHz: 8000, mono: true }],
  [6, { codec: 'nellymoser' }],
  [7, { codec: 'pcma', rateHz: 8000 }],
  [8, { codec: 'pcmu', rateHz: 8000 }],
  [AAC_FORMAT, { codec: 'aac' }],
  [11, { codec: 'speex', rateHz: 16000, mono: true }],
  [14, { codec: 'mp3', rateHz: 8000 }],
]);
const FOUR_CCS: ReadonlyMap<string, FlvAudioCodec> = new Map<string, FlvAudioCodec>([
  ['Opus', 'opus'],
  ['mp4a', 'aac'],
  ['.mp3', 'mp3'],
  ['fLaC', 'flac'],
  ['ac-3', 'ac3'],
  ['ec-3', 'eac3'],
]);
const FOUR_CCS_BY_CODEC = invert(FOUR_CCS);

/**
 * Parses the body of an audio message, legacy or enhanced, into one packet for each of its tracks. An empty body, which
 * some encoders send, gives none. Payloads share memory with `body`.
 * @throws ProtocolError for what is cut, reserved or of an unknown codec
 * @see FLV 10.1 section E.4.2, Enhanced RTMP v2 "Enhanced Audio"
 */
export function parseAudioBody(body: Uint8Array): readonly FlvAudioPacket[] {
  if (body.length === 0) return [];
  const cursor = new ByteCursor(body);
  const head = cursor.u8();
  return head >> 4 === EX_FORMAT ? parseEnhanced(cursor, head & 0x0f) : [parseLegacy(cursor, head)];
}

function parseLegacy(cursor: ByteCursor, head: number): FlvAudioPacket {
  const format = FORMATS.get(head >> 4);
  if (format === undefined) throw new ProtocolError(`FLV: sound format ${head >> 4} is not supported`, 0);
  // Spread last: one shape for all packets, see the rules in docs/PLUGINS.md.
  const common = { type: 'audio', codec: format.codec, trackId: 0, timestampOffsetNs: 0 } as const;
  if (format.codec === 'aac') {
    const packetType = cursor.u8();
    if (packetType === AAC.config) return { packet: 'config', data: cursor.rest(), ...common };
    if (packetType !== AAC.frame) throw new ProtocolError(`FLV: AAC packet type ${packetType} is reserved`, 1);
    // The bits always say 44.1 kHz stereo for AAC; the truth is in its configuration.
    return { packet: 'frame', sound: undefined, data: cursor.rest(), ...common };
  }
  const sound: FlvSound = {
    sampleRateHz: format.rateHz ?? SAMPLE_RATES_HZ[(head >> 2) & 3] ?? 0,
    bitsPerSample: (head & 2) === 0 ? 8 : 16,
    channels: format.mono === true || (head & 1) === 0 ? 1 : 2,
  };
  return { packet: 'frame', sound, data: cursor.rest(), ...common };
}

function parseEnhanced(cursor: ByteCursor, firstType: number): readonly FlvAudioPacket[] {
  const { packetType, timestampOffsetNs } = readModifiers(cursor, firstType);
  if (packetType !== EX.multitrack) return [parseTrack(readSingleTrack(cursor), packetType, timestampOffsetNs)];
  const inside = readTracks(cursor, EX.multitrack);
  return inside.tracks.map((track) => parseTrack(track, inside.packetType, timestampOffsetNs));
}

function parseTrack(track: ExTrack, packetType: number, timestampOffsetNs: number): FlvAudioPacket {
  const codec = FOUR_CCS.get(track.fourCc);
  if (codec === undefined) throw new ProtocolError(`FLV: audio codec ${JSON.stringify(track.fourCc)} is not supported`, 1);
  const common = { type: 'audio', codec, trackId: track.trackId, timestampOffsetNs } as const;
  switch (packetType) {
    case EX.config:
      return { packet: 'config', data: track.body.rest(), ...common };
    case EX.frame:
      return { packet: 'frame', sound: undefined, data: track.body.rest(), ...common };
    case EX.end:
      return { packet: 'end', data: track.body.rest(), ...common };
    case EX.channels:
      return { packet: 'channels', layout: readChannels(track.body), data: track.body.rest(), ...common };
    default:
      throw new ProtocolError(`FLV: audio packet type ${packetType} is reserved`, 0);
  }
}

function readChannels(cursor: ByteCursor): FlvChannelLayout {
  const order = cursor.u8();
  const channels = cursor.u8();
  switch (order) {
    case CHANNEL_ORDER.unspecified:
      return { order: 'unspecified', channels };
    case CHANNEL_ORDER.native:
      return { order: 'native', channels, mask: cursor.u32() };
    case CHANNEL_ORDER.custom:
      return { order: 'custom', channels, speakers: cursor.take(channels) };
    default:
      throw new ProtocolError(`FLV: audio channel order ${order} is reserved`, cursor.position - 2);
  }
}

/**
 * Encodes one track's packet as a message body. `auto` takes the legacy form wherever it can say the same; a track id
 * other than 0 makes it a one-track multitrack message.
 * @throws RangeError where the form asked for can't carry the packet
 */
export function encodeAudioBody(packet: FlvAudioPacket, form: FlvForm = 'auto'): FlvBody {
  const legacy = form === 'enhanced' ? undefined : legacyHeader(packet);
  if (legacy !== undefined) return [legacy, packet.data];
  if (form === 'legacy') throw new RangeError(`The legacy form can't carry this ${packet.codec} ${packet.packet}`);
  const writer = new ByteWriter(16);
  const track = exTrack(packet);
  if (packet.trackId === 0) {
    writeExHead(writer, EX_FORMAT << 4, EX[packet.packet], packet.timestampOffsetNs);
    writer.latin1(track.fourCc).put(track.head);
  } else {
    writeExHead(writer, EX_FORMAT << 4, EX.multitrack, packet.timestampOffsetNs);
    writeOneTrack(writer, EX[packet.packet], track);
  }
  return [writer.toBytes(), packet.data];
}

/**
 * Encodes packets of several tracks as one multitrack body, with a codec for each track only where they differ.
 * @throws RangeError where they differ in kind or time stamp offset, which the message has only once
 */
export function encodeAudioTracks(packets: readonly FlvAudioPacket[]): FlvBody {
  const [first] = packets;
  if (first === undefined) throw new RangeError('A message of no tracks');
  if (packets.some((packet) => packet.packet !== first.packet || packet.timestampOffsetNs !== first.timestampOffsetNs)) {
    throw new RangeError('Tracks of one message differ in kind or time stamp offset');
  }
  const writer = new ByteWriter(24);
  writeExHead(writer, EX_FORMAT << 4, EX.multitrack, first.timestampOffsetNs);
  return writeManyTracks(writer, EX[first.packet], packets.map(exTrack));
}

/** The header in the legacy form, or undefined where that can't carry the packet. */
function legacyHeader(packet: FlvAudioPacket): Uint8Array | undefined {
  if (packet.trackId !== 0 || packet.timestampOffsetNs !== 0) return undefined;
  if (packet.packet !== 'frame') return packet.packet === 'config' && packet.codec === 'aac' ? aacHeader(AAC.config) : undefined;
  if (packet.codec === 'aac') return aacHeader(AAC.frame);
  const { sound } = packet;
  if (sound === undefined) return undefined;
  const format = formatOf(packet.codec, sound);
  if (format === undefined) return undefined;
  // A rate that the codec fixes has no code of its own; writers put the lowest there, and Speex's is defined as 11 kHz.
  const fixed = FORMATS.get(format)?.rateHz !== undefined;
  const rate = fixed ? (packet.codec === 'speex' ? 1 : 0) : SAMPLE_RATES_HZ.findIndex((rateHz) => rateHz === sound.sampleRateHz);
  if (rate < 0) return undefined;
  return Uint8Array.of((format << 4) | (rate << 2) | (sound.bitsPerSample === 16 ? 2 : 0) | (sound.channels - 1));
}

function aacHeader(packetType: number): Uint8Array {
  // 44.1 kHz, 16 bit, stereo: fixed for AAC.
  return Uint8Array.of((AAC_FORMAT << 4) | 0x0f, packetType);
}

function formatOf(codec: FlvAudioCodec, sound: FlvSound): number | undefined {
  // Samples of the platform's order are little-endian everywhere today, so PCM is written as what it is.
  if (codec === 'pcm') return 3;
  let general: number | undefined;
  for (const [id, format] of FORMATS) {
    if (format.codec !== codec || (format.mono === true && sound.channels !== 1)) continue;
    if (format.rateHz === sound.sampleRateHz) return id;
    if (format.rateHz === undefined) general = id;
  }
  return general;
}

function exTrack(packet: FlvAudioPacket): ExTrackOut {
  const fourCc = FOUR_CCS_BY_CODEC.get(packet.codec);
  if (fourCc === undefined) throw new RangeError(`${packet.codec} has no four-character code, and the legacy form can't carry it so`);
  const head = packet.packet === 'channels' ? channelBytes(packet.layout) : new Uint8Array(0);
  return { fourCc, trackId: packet.trackId, head, data: packet.data };
}

function channelBytes(layout: FlvChannelLayout): Uint8Array {
  const writer = new ByteWriter(8).u8(CHANNEL_ORDER[layout.order]).u8(layout.channels);
  if (layout.order === 'native') writer.u32(layout.mask);
  if (layout.order === 'custom') {
    if (layout.speakers.length !== layout.channels) throw new RangeError(`${layout.speakers.length} speakers for ${layout.channels} channels`);
    writer.put(layout.speakers);
  }
  return writer.toBytes();
}
