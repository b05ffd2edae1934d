import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { invert, readModifiers, readSingleTrack, readTracks, writeExHead, writeManyTracks, writeOneTrack, type ExTrack, type ExTrackOut } from './flv-enhanced.ts';
import type { FlvBody, FlvVideoCodec, FlvVideoCommand, FlvVideoPacket } from './flv-packet.ts';

const EX_HEADER = 0x80;
const FRAME = { key: 1, inter: 2, disposable: 3, generatedKey: 4, command: 5 } as const;
const AVC = { config: 0, frame: 1, end: 2 } as const;
const EX = { config: 0, frame: 1, end: 2, frameX: 3, metadata: 4, mpeg2tsConfig: 5, multitrack: 6 } as const;

const CODEC_IDS: ReadonlyMap<number, FlvVideoCodec> = new Map<number, FlvVideoCodec>([
  [2, 'h263'],
  [3, 'screen'],
  [4, 'vp6'],
  [5, 'vp6a'],
  [6, 'screen2'],
  [7, 'h264'],
  // Not in the specification, but long used by encoders that know no enhanced form.
  [12, 'h265'],
]);
const FOUR_CCS: ReadonlyMap<string, FlvVideoCodec> = new Map<string, FlvVideoCodec>([
  ['avc1', 'h264'],
  ['hvc1', 'h265'],
  ['vvc1', 'h266'],
  ['av01', 'av1'],
  ['vp08', 'vp8'],
  ['vp09', 'vp9'],
]);
const IDS_BY_CODEC = invert(CODEC_IDS);
const FOUR_CCS_BY_CODEC = invert(FOUR_CCS);

/** Codecs whose enhanced coded frames start with a composition time. */
const REORDERED: ReadonlySet<FlvVideoCodec> = new Set<FlvVideoCodec>(['h264', 'h265', 'h266']);

/**
 * Parses the body of a video message, legacy or enhanced, into one packet for each of its tracks. An empty body, which
 * some encoders send, gives none. Payloads share memory with `body`.
 * @throws ProtocolError for what is cut, reserved or of an unknown codec
 * @see FLV 10.1 section E.4.3, Enhanced RTMP v2 "Enhanced Video"
 */
export function parseVideoBody(body: Uint8Array): readonly (FlvVideoPacket | FlvVideoCommand)[] {
  if (body.length === 0) return [];
  const cursor = new ByteCursor(body);
  const head = cursor.u8();
  return (head & EX_HEADER) === 0 ? [parseLegacy(cursor, head >> 4, head & 0x0f)] : parseEnhanced(cursor, (head >> 4) & 7, head & 0x0f);
}

function parseLegacy(cursor: ByteCursor, frameType: number, codecId: number): FlvVideoPacket | FlvVideoCommand {
  const codec = CODEC_IDS.get(codecId);
  if (codec === undefined) throw new ProtocolError(`FLV: video codec ${codecId} is not supported`, 0);
  if (frameType === FRAME.command) return { type: 'video', packet: 'command', command: cursor.u8() };
  if (codec !== 'h264' && codec !== 'h265') return frame(codec, 0, 0, frameType, 0, cursor.rest());
  const packetType = cursor.u8();
  // Some encoders leave out the composition time of the end, where it means nothing.
  if (packetType === AVC.end) return { type: 'video', packet: 'end', codec, trackId: 0, timestampOffsetNs: 0, data: cursor.rest().subarray(3) };
  const compositionTimeMs = cursor.i24();
  if (packetType === AVC.frame) return frame(codec, 0, 0, frameType, compositionTimeMs, cursor.rest());
  if (packetType !== AVC.config) throw new ProtocolError(`FLV: AVC packet type ${packetType} is reserved`, 1);
  return { type: 'video', packet: 'config', codec, trackId: 0, timestampOffsetNs: 0, format: 'record', data: cursor.rest() };
}

function parseEnhanced(cursor: ByteCursor, frameType: number, firstType: number): readonly (FlvVideoPacket | FlvVideoCommand)[] {
  const { packetType, timestampOffsetNs } = readModifiers(cursor, firstType);
  if (frameType === FRAME.command && packetType !== EX.metadata) return [{ type: 'video', packet: 'command', command: cursor.u8() }];
  if (packetType !== EX.multitrack) return [parseTrack(readSingleTrack(cursor), packetType, frameType, timestampOffsetNs)];
  const inside = readTracks(cursor, EX.multitrack);
  return inside.tracks.map((track) => parseTrack(track, inside.packetType, frameType, timestampOffsetNs));
}

function parseTrack(track: ExTrack, packetType: number, frameType: number, timestampOffsetNs: number): FlvVideoPacket {
  const { trackId, body } = track;
  const codec = FOUR_CCS.get(track.fourCc);
  if (codec === undefined) throw new ProtocolError(`FLV: video codec ${JSON.stringify(track.fourCc)} is not supported`, 1);
  switch (packetType) {
    case EX.config:
      return { type: 'video', packet: 'config', codec, trackId, timestampOffsetNs, format: 'record', data: body.rest() };
    case EX.mpeg2tsConfig:
      return { type: 'video', packet: 'config', codec, trackId, timestampOffsetNs, format: 'mpeg2ts', data: body.rest() };
    case EX.frame: {
      const compositionTimeMs = REORDERED.has(codec) ? body.i24() : 0;
      return frame(codec, trackId, timestampOffsetNs, frameType, compositionTimeMs, body.rest());
    }
    case EX.frameX:
      return frame(codec, trackId, timestampOffsetNs, frameType, 0, body.rest());
    case EX.end:
      return { type: 'video', packet: 'end', codec, trackId, timestampOffsetNs, data: body.rest() };
    case EX.metadata:
      return { type: 'video', packet: 'metadata', codec, trackId, timestampOffsetNs, data: body.rest() };
    default:
      throw new ProtocolError(`FLV: video packet type ${packetType} is reserved`, 0);
  }
}

function frame(codec: FlvVideoCodec, trackId: number, timestampOffsetNs: number, frameType: number, compositionTimeMs: number, data: Uint8Array): FlvVideoPacket {
  if (frameType < FRAME.key || frameType > FRAME.generatedKey) throw new ProtocolError(`FLV: video frame type ${frameType} is reserved`, 0);
  const key = frameType === FRAME.key || frameType === FRAME.generatedKey;
  return { type: 'video', packet: 'frame', codec, trackId, timestampOffsetNs, key, disposable: frameType === FRAME.disposable, compositionTimeMs, data };
}

/** The one-byte codec number or the four-character code, whichever the form takes. */
export type FlvForm = 'auto' | 'legacy' | 'enhanced';

/**
 * Encodes one track's packet as a message body. `auto` takes the legacy form wherever it can say the same (for H.265
 * it takes the enhanced one, since codec number 12 is no standard); a track id other than 0 makes it a one-track multitrack message.
 * @throws RangeError where the form asked for can't carry the packet
 */
export function encodeVideoBody(packet: FlvVideoPacket, form: FlvForm = 'auto'): FlvBody {
  const legacy = form === 'legacy' || (form === 'auto' && packet.codec !== 'h265' && fitsLegacy(packet));
  if (legacy) return [legacyHeader(packet), packet.data];
  const writer = new ByteWriter(16);
  const packetType = exPacketType(packet);
  const track = exTrack(packet, packetType);
  if (packet.trackId === 0) {
    writeExHead(writer, exHigh(packet), packetType, packet.timestampOffsetNs);
    writer.latin1(track.fourCc).put(track.head);
  } else {
    writeExHead(writer, exHigh(packet), EX.multitrack, packet.timestampOffsetNs);
    writeOneTrack(writer, packetType, track);
  }
  return [writer.toBytes(), packet.data];
}

/**
 * Encodes packets of several tracks as one multitrack body, with a codec for each track only where they differ.
 * @throws RangeError where they differ in kind, frame type or time stamp offset, which the message has only once
 */
export function encodeVideoTracks(packets: readonly FlvVideoPacket[]): FlvBody {
  const [first] = packets;
  if (first === undefined) throw new RangeError('A message of no tracks');
  const packetType = first.packet === 'frame' ? EX.frame : exPacketType(first);
  for (const packet of packets) {
    const type = packet.packet === 'frame' ? EX.frame : exPacketType(packet);
    const alike = type === packetType && exHigh(packet) === exHigh(first) && packet.timestampOffsetNs === first.timestampOffsetNs;
    if (!alike) throw new RangeError('Tracks of one message differ in kind, frame type or time stamp offset');
  }
  const writer = new ByteWriter(24);
  writeExHead(writer, exHigh(first), EX.multitrack, first.timestampOffsetNs);
  return writeManyTracks(writer, packetType, packets.map((packet) => exTrack(packet, packetType)));
}

/** Encodes a command to the player in the legacy form. */
export function encodeVideoCommand(command: FlvVideoCommand): FlvBody {
  return [new ByteWriter(2).u8((FRAME.command << 4) | 7).u8(command.command).toBytes()];
}

function fitsLegacy(packet: FlvVideoPacket): boolean {
  if (!IDS_BY_CODEC.has(packet.codec) || packet.trackId !== 0 || packet.timestampOffsetNs !== 0) return false;
  if (packet.packet === 'metadata' || (packet.packet === 'config' && packet.format === 'mpeg2ts')) return false;
  return packet.packet === 'frame' || REORDERED.has(packet.codec);
}

function frameTypeOf(packet: FlvVideoPacket): number {
  if (packet.packet !== 'frame' || packet.key) return FRAME.key;
  return packet.disposable ? FRAME.disposable : FRAME.inter;
}

function legacyHeader(packet: FlvVideoPacket): Uint8Array {
  const codecId = IDS_BY_CODEC.get(packet.codec);
  if (codecId === undefined || !fitsLegacy(packet)) throw new RangeError(`The legacy form can't carry this ${packet.codec} ${packet.packet}`);
  const writer = new ByteWriter(5).u8((frameTypeOf(packet) << 4) | codecId);
  if (!REORDERED.has(packet.codec)) return writer.toBytes();
  if (packet.packet === 'frame') return writer.u8(AVC.frame).i24(packet.compositionTimeMs).toBytes();
  return writer.u8(packet.packet === 'end' ? AVC.end : AVC.config).u24(0).toBytes();
}

function exHigh(packet: FlvVideoPacket): number {
  return EX_HEADER | (frameTypeOf(packet) << 4);
}

function exPacketType(packet: FlvVideoPacket): number {
  switch (packet.packet) {
    case 'config':
      return packet.format === 'mpeg2ts' ? EX.mpeg2tsConfig : EX.config;
    case 'frame':
      // The X form saves the three bytes of a composition time of 0; other codecs have none to save.
      return REORDERED.has(packet.codec) && packet.compositionTimeMs === 0 ? EX.frameX : EX.frame;
    case 'end':
      return EX.end;
    case 'metadata':
      return EX.metadata;
  }
}

function exTrack(packet: FlvVideoPacket, packetType: number): ExTrackOut {
  const fourCc = FOUR_CCS_BY_CODEC.get(packet.codec);
  if (fourCc === undefined) throw new RangeError(`${packet.codec} has no four-character code`);
  const head = new ByteWriter(3);
  if (packet.packet === 'frame') {
    if (packetType === EX.frame && REORDERED.has(packet.codec)) head.i24(packet.compositionTimeMs);
    else if (packet.compositionTimeMs !== 0) throw new RangeError(`${packet.codec} has no composition time`);
  }
  return { fourCc, trackId: packet.trackId, head: head.toBytes(), data: packet.data };
}
