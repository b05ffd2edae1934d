import { ByteWriter } from './byte-writer.ts';
import { BOX_HEADER_BYTES, writeBox, writeFullBox } from './mp4-boxes.ts';
import { writeSampleEntry } from './mp4-sample-entry.ts';
import type { Mp4Track } from './mp4-track.ts';

/** The movie's own clock only dates its (here unknown) duration: milliseconds. */
const MOVIE_TIMESCALE_HZ = 1000;
const TRACK_ENABLED_AND_IN_MOVIE = 3;
const FULL_VOLUME = 0x0100;
const NORMAL_RATE = 0x1_0000;
/** 'und', three letters of five bits. */
const LANGUAGE_UNDETERMINED = 0x55c4;
const UNITY_MATRIX = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000] as const;

/**
 * Encodes `ftyp` and `moov` of a fragmented presentation: no samples, no durations, one `trex` a track.
 * One track makes a CMAF header; several make a plain fragmented file, as CMAF knows no multiplex.
 *
 * @param fillToBytes the size to fill up to with a `free` box, so that more tracks can take their place there later
 * @throws RangeError for a field that does not fit (a width above 65535, a track id of 0), or when it is larger than `fillToBytes`
 * @see ISO/IEC 14496-12 section 8, ISO/IEC 23000-19 section 7
 */
export function encodeInitSegment(tracks: readonly Mp4Track[], fillToBytes?: number): Uint8Array {
  checkTrackIds(tracks);
  const writer = new ByteWriter(1024);
  writeFileType(writer, tracks);
  writeBox(writer, 'moov', () => {
    writeMovieHeader(writer, tracks);
    for (const track of tracks) writeTrack(writer, track);
    writeBox(writer, 'mvex', () => {
      for (const track of tracks) writeTrackExtends(writer, track.id);
    });
  });
  if (fillToBytes !== undefined && fillToBytes !== writer.length) fill(writer, fillToBytes - writer.length);
  return writer.toBytes();
}

function fill(writer: ByteWriter, bytes: number): void {
  if (bytes < BOX_HEADER_BYTES) throw new RangeError(`The init segment of ${writer.length} bytes leaves ${bytes} for a box that fills it up`);
  writeBox(writer, 'free', () => writer.zeros(bytes - BOX_HEADER_BYTES));
}

function checkTrackIds(tracks: readonly Mp4Track[]): void {
  const ids = new Set(tracks.map((track) => track.id));
  if (ids.size !== tracks.length || tracks.length === 0) throw new RangeError('Tracks need ids of their own, and one track at least');
  for (const id of ids) {
    if (!Number.isInteger(id) || id < 1 || id > 0xffff_fffe) throw new RangeError(`${id} is no track id`);
  }
}

function writeFileType(writer: ByteWriter, tracks: readonly Mp4Track[]): void {
  writeBox(writer, 'ftyp', () => {
    writer.latin1('iso6').u32(0).latin1('iso6').latin1('mp41');
    if (tracks.length === 1) writer.latin1('cmfc');
    if (tracks.some((track) => track.codec === 'av1')) writer.latin1('av01');
  });
}

function writeMovieHeader(writer: ByteWriter, tracks: readonly Mp4Track[]): void {
  writeFullBox(writer, 'mvhd', 0, 0, () => {
    writer.zeros(8).u32(MOVIE_TIMESCALE_HZ).u32(0).u32(NORMAL_RATE).u16(FULL_VOLUME).zeros(10);
    for (const value of UNITY_MATRIX) writer.u32(value);
    writer.zeros(24).u32(Math.max(...tracks.map((track) => track.id)) + 1);
  });
}

function writeTrack(writer: ByteWriter, track: Mp4Track): void {
  writeBox(writer, 'trak', () => {
    writeFullBox(writer, 'tkhd', 0, TRACK_ENABLED_AND_IN_MOVIE, () => {
      writer.zeros(8).u32(track.id).zeros(4).u32(0).zeros(12);
      writer.u16(track.kind === 'audio' ? FULL_VOLUME : 0).zeros(2);
      for (const value of UNITY_MATRIX) writer.u32(value);
      const [width, height] = track.kind === 'video' ? [track.width, track.height] : [0, 0];
      writer.u16(width).u16(0).u16(height).u16(0);
    });
    writeBox(writer, 'mdia', () => writeMedia(writer, track));
  });
}

function writeMedia(writer: ByteWriter, track: Mp4Track): void {
  writeFullBox(writer, 'mdhd', 0, 0, () => writer.zeros(8).u32(track.timescaleHz).u32(0).u16(LANGUAGE_UNDETERMINED).zeros(2));
  writeFullBox(writer, 'hdlr', 0, 0, () => {
    const [handler, name] = track.kind === 'video' ? ['vide', 'Video'] : ['soun', 'Audio'];
    writer.zeros(4).latin1(handler).zeros(12).latin1(name).u8(0);
  });
  writeBox(writer, 'minf', () => {
    if (track.kind === 'video') writeFullBox(writer, 'vmhd', 0, 1, () => writer.zeros(8));
    else writeFullBox(writer, 'smhd', 0, 0, () => writer.zeros(4));
    writeBox(writer, 'dinf', () => {
      writeFullBox(writer, 'dref', 0, 0, () => {
        writer.u32(1);
        // Flag 1: the samples are in this same file.
        writeFullBox(writer, 'url ', 0, 1, () => undefined);
      });
    });
    writeBox(writer, 'stbl', () => writeEmptySampleTable(writer, track));
  });
}

/** The sample tables are mandatory and empty: all samples are in fragments. */
function writeEmptySampleTable(writer: ByteWriter, track: Mp4Track): void {
  writeFullBox(writer, 'stsd', 0, 0, () => {
    writer.u32(1);
    writeSampleEntry(writer, track);
  });
  writeFullBox(writer, 'stts', 0, 0, () => writer.u32(0));
  writeFullBox(writer, 'stsc', 0, 0, () => writer.u32(0));
  writeFullBox(writer, 'stsz', 0, 0, () => writer.u32(0).u32(0));
  writeFullBox(writer, 'stco', 0, 0, () => writer.u32(0));
}

function writeTrackExtends(writer: ByteWriter, trackId: number): void {
  writeFullBox(writer, 'trex', 0, 0, () => writer.u32(trackId).u32(1).zeros(12));
}
