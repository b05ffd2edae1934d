import { ProtocolError } from '../errors/wcs-error.ts';
import type { FileTrack } from './media-file.ts';
import { boxAt, childBoxes, fullBox, requiredBox, type Mp4Box } from './mp4-reader-boxes.ts';
import { parseSampleEntry } from './mp4-reader-entries.ts';
import { readSampleTables } from './mp4-reader-tables.ts';
import { SampleTable } from './sample-table.ts';
import { ticksToUs } from './ticks.ts';

/** A track of a movie with what is known of its samples. */
export interface MovieTrack {
  readonly id: number;
  readonly kind: 'audio' | 'video';
  readonly timescaleHz: number;
  /** Sample description that all samples must use. */
  readonly descriptionIndex: number;
  /** The codec's name where it isn't carried. */
  readonly entry: FileTrack | string;
  readonly edit: Edit;
  readonly table: SampleTable;
  /** Where the next fragment goes on without a decode time of its own, in ticks. */
  nextDtsTicks: number;
}

/** What the edit list says of a track, microseconds. @see ISO/IEC 14496-12 section 8.6.6 */
export interface Edit {
  /** Added to composition times. */
  readonly shiftUs: number;
  /** Where presentation ends; undefined without an end. */
  readonly endUs: number | undefined;
}

/** Sound before the edit that is kept, since decoders need it to begin: more than the lead-in of any codec. */
const MAX_LEAD_IN_US = 100_000;
const EDITS_MAX = 1000;
const NO_EDIT: Edit = { shiftUs: 0, endUs: undefined };
const KINDS: Readonly<Record<string, 'audio' | 'video'>> = { soun: 'audio', vide: 'video' };

/** Reads a `trak`; undefined for what is neither picture nor sound. @throws ProtocolError */
export function parseTrack(trak: Uint8Array, movieTimescaleHz: number): MovieTrack | undefined {
  const boxes = childBoxes(trak);
  const mdia = childBoxes(requiredBox(boxes, 'mdia'));
  const hdlr = fullBox(requiredBox(mdia, 'hdlr')).cursor;
  hdlr.skip(4);
  const kind = KINDS[hdlr.latin1(4)];
  if (kind === undefined) return undefined;
  const id = timed(requiredBox(boxes, 'tkhd')).u32();
  const timescaleHz = timed(requiredBox(mdia, 'mdhd')).u32();
  if (timescaleHz === 0) throw new ProtocolError('A track whose clock has no ticks');
  const stbl = childBoxes(requiredBox(mdia, 'minf/stbl'));
  const elst = boxAt(boxes, 'edts/elst');
  const table = new SampleTable();
  const descriptions = sampleDescriptions(requiredBox(stbl, 'stsd'));
  const descriptionIndex = firstDescription(stbl);
  const described = descriptions[descriptionIndex - 1];
  if (described === undefined) throw new ProtocolError(`No sample description ${descriptionIndex}`);
  const entry = parseSampleEntry(kind, described);
  const nextDtsTicks = typeof entry === 'string' ? 0 : readSampleTables(stbl, { table, timescaleHz, track: entry, descriptionIndex });
  const edit = elst === undefined ? NO_EDIT : parseEdits(elst, timescaleHz, movieTimescaleHz);
  return { id, kind, timescaleHz, descriptionIndex, entry, edit, table, nextDtsTicks };
}

/** Puts the samples on the time of presentation, and leaves out what lies outside of the edit. */
export function applyEdit({ table, edit: { shiftUs, endUs }, kind }: MovieTrack): void {
  table.shift(shiftUs);
  let from = 0;
  for (let index = 0; index < table.count; index += 1) {
    const isLeadIn = kind === 'audio' ? table.ptsUs(index) <= -MAX_LEAD_IN_US : table.ptsUs(index) <= 0 && table.isKey(index);
    if (kind === 'video' && table.dtsUs(index) > 0) break;
    if (kind === 'audio' && !isLeadIn) break;
    if (isLeadIn) from = index;
  }
  let to = table.count;
  if (endUs !== undefined) while (to > from && table.ptsUs(to - 1) >= endUs) to -= 1;
  if (from > 0 || to < table.count) table.cut(from, to);
}

/** A cursor behind the two dates of a `tkhd` or `mdhd`, or of the movie's own `mvhd`. */
export function timed(content: Uint8Array): ReturnType<typeof fullBox>['cursor'] {
  const { version, cursor } = fullBox(content);
  cursor.skip(version === 1 ? 16 : 8);
  return cursor;
}

function sampleDescriptions(stsd: Uint8Array): readonly Mp4Box[] {
  const { cursor } = fullBox(stsd);
  cursor.skip(4);
  return childBoxes(cursor.rest());
}

/** The description that the first chunk uses; those in fragments say so themselves. */
function firstDescription(stbl: readonly Mp4Box[]): number {
  const { cursor } = fullBox(requiredBox(stbl, 'stsc'));
  if (cursor.u32() === 0) return 1;
  cursor.skip(8);
  return cursor.u32();
}

function parseEdits(elst: Uint8Array, timescaleHz: number, movieTimescaleHz: number): Edit {
  const { version, cursor } = fullBox(elst);
  const count = cursor.u32();
  let delayUs = 0;
  let found: { readonly startTicks: number; readonly endUs: number | undefined; readonly endTicks: number } | undefined;
  if (count > EDITS_MAX) throw new ProtocolError(`An edit list of ${count} entries`);
  for (let edit = 0; edit < count; edit += 1) {
    const duration = version === 1 ? cursor.u64() : cursor.u32();
    const high = version === 1 ? cursor.i32() : 0;
    const low = version === 1 ? cursor.u32() : cursor.i32();
    const startTicks = version === 1 ? high * 0x1_0000_0000 + low : low;
    cursor.skip(4);
    const durationUs = ticksToUs(duration, movieTimescaleHz);
    if (startTicks < 0) {
      if (found === undefined) delayUs += durationUs;
      continue;
    }
    const endTicks = startTicks + Math.round((duration * timescaleHz) / movieTimescaleHz);
    const isContiguous = found === undefined || Math.abs(startTicks - found.endTicks) <= timescaleHz / movieTimescaleHz + 1;
    if (!isContiguous) throw new ProtocolError('A track that is cut together of several pieces is not supported');
    const endUs = duration === 0 ? undefined : (found?.endUs ?? delayUs) + durationUs;
    found = { startTicks: found?.startTicks ?? startTicks, endUs, endTicks };
  }
  if (found === undefined) return { shiftUs: delayUs, endUs: undefined };
  return { shiftUs: delayUs - ticksToUs(found.startTicks, timescaleHz), endUs: found.endUs };
}
