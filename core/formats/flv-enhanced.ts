import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

/** Tracks in one message, at most. */
export const MAX_FLV_TRACKS = 256;
/** Largest time stamp offset in nanoseconds: below the millisecond of the message's own time stamp. */
export const MAX_TIMESTAMP_OFFSET_NS = 999_999;

/** ModEx has this packet type in audio and in video alike. */
export const EX_MOD_EX = 7;
const MOD_EX_TIMESTAMP_OFFSET_NANO = 0;
const ONE_TRACK = 0;
const MANY_TRACKS = 1;
const MANY_TRACKS_MANY_CODECS = 2;

/** What stands behind the modifiers of an enhanced header. */
export interface ExHead {
  readonly packetType: number;
  readonly timestampOffsetNs: number;
}

/** One track of an enhanced message; its body ends where the track ends. */
export interface ExTrack {
  readonly fourCc: string;
  readonly trackId: number;
  readonly body: ByteCursor;
}

/** Reads the modifiers, if `packetType` says that there are some; unknown ones are skipped. @see Enhanced RTMP v2, ModEx */
export function readModifiers(cursor: ByteCursor, packetType: number): ExHead {
  let timestampOffsetNs = 0;
  while (packetType === EX_MOD_EX) {
    const at = cursor.position;
    let size = cursor.u8() + 1;
    if (size === 256) size = cursor.u16() + 1;
    const modifier = new ByteCursor(cursor.take(size));
    const next = cursor.u8();
    if (next >> 4 === MOD_EX_TIMESTAMP_OFFSET_NANO) {
      timestampOffsetNs = modifier.u24();
      if (timestampOffsetNs > MAX_TIMESTAMP_OFFSET_NS) throw new ProtocolError(`FLV: time stamp offset of ${timestampOffsetNs} ns`, at);
    }
    packetType = next & 0x0f;
  }
  return { packetType, timestampOffsetNs };
}

/** Reads the code of a message that has a single, unnamed track: the rest of the message is its body. */
export function readSingleTrack(cursor: ByteCursor): ExTrack {
  return { fourCc: cursor.latin1(4), trackId: 0, body: cursor };
}

/**
 * Reads a multitrack message from the byte behind its packet type on; `multitrack` is that packet type, which can't be inside again.
 * @see Enhanced RTMP v2, AvMultitrackType
 */
export function readTracks(cursor: ByteCursor, multitrack: number): { readonly packetType: number; readonly tracks: readonly ExTrack[] } {
  const at = cursor.position;
  const head = cursor.u8();
  const layout = head >> 4;
  const packetType = head & 0x0f;
  if (layout > MANY_TRACKS_MANY_CODECS) throw new ProtocolError(`FLV: multitrack type ${layout} is not supported`, at);
  if (packetType === multitrack || packetType === EX_MOD_EX) throw new ProtocolError(`FLV: packet type ${packetType} inside of a multitrack message`, at);
  const shared = layout === MANY_TRACKS_MANY_CODECS ? '' : cursor.latin1(4);
  const tracks: ExTrack[] = [];
  do {
    if (tracks.length === MAX_FLV_TRACKS) throw new ProtocolError(`FLV: more than ${MAX_FLV_TRACKS} tracks`, cursor.position);
    const fourCc = layout === MANY_TRACKS_MANY_CODECS ? cursor.latin1(4) : shared;
    const trackId = cursor.u8();
    const body = layout === ONE_TRACK ? cursor.rest() : cursor.take(cursor.u24());
    tracks.push({ fourCc, trackId, body: new ByteCursor(body) });
  } while (cursor.remaining > 0);
  return { packetType, tracks };
}

/** Writes the first byte (`high` is its upper half, in place) and, where there is an offset, the modifier for it. */
export function writeExHead(writer: ByteWriter, high: number, packetType: number, timestampOffsetNs: number): void {
  if (timestampOffsetNs === 0) {
    writer.u8(high | packetType);
    return;
  }
  if (timestampOffsetNs > MAX_TIMESTAMP_OFFSET_NS) throw new RangeError(`A time stamp offset of ${timestampOffsetNs} ns`);
  // The size byte holds the size less one.
  writer.u8(high | EX_MOD_EX).u8(2).u24(timestampOffsetNs).u8((MOD_EX_TIMESTAMP_OFFSET_NANO << 4) | packetType);
}

/** A track to be written: `head` stands before the payload, inside of the track's size. */
export interface ExTrackOut {
  readonly fourCc: string;
  readonly trackId: number;
  readonly head: Uint8Array;
  readonly data: Uint8Array;
}

/** Writes one named track without a size (`OneTrack`); its payload follows. */
export function writeOneTrack(writer: ByteWriter, packetType: number, track: ExTrackOut): void {
  writer.u8((ONE_TRACK << 4) | packetType).latin1(track.fourCc).u8(track.trackId).put(track.head);
}

/** Writes the start of a message of several tracks into `writer` and answers all chunks: `ManyTracks` where all have one codec. */
export function writeManyTracks(writer: ByteWriter, packetType: number, tracks: readonly ExTrackOut[]): Uint8Array[] {
  const [first] = tracks;
  if (first === undefined || tracks.length > MAX_FLV_TRACKS) throw new RangeError(`A message of ${tracks.length} tracks`);
  const alike = tracks.every((track) => track.fourCc === first.fourCc);
  writer.u8(((alike ? MANY_TRACKS : MANY_TRACKS_MANY_CODECS) << 4) | packetType);
  if (alike) writer.latin1(first.fourCc);
  const chunks: Uint8Array[] = [];
  for (const track of tracks) {
    if (!alike) writer.latin1(track.fourCc);
    writer.u8(track.trackId).u24(track.head.length + track.data.length).put(track.head);
    chunks.push(writer.toBytes(), track.data);
    writer.reset();
  }
  return chunks;
}

/** Swaps the sides of a table of codes. */
export function invert<K extends string, V extends string | number>(table: ReadonlyMap<V, K>): ReadonlyMap<K, V> {
  return new Map([...table].map(([code, name]) => [name, code]));
}
