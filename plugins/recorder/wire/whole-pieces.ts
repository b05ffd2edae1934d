import { MATROSKA_ID } from 'wcs-core/formats/matroska';
import { TS_PACKET_BYTES } from 'wcs-core/formats/mpegts';
import type { ContainerType } from './container.ts';

/** One element at the top of a file. */
export interface TopElement {
  /** What the file needs to be playable at all, a piece of media, or the first half of one. */
  readonly role: 'head' | 'piece' | 'half';
  readonly bytes: number;
}

/** As many bytes of an element as tell its kind and size. */
export const ELEMENT_HEAD_BYTES = 16;

const TS_SYNC = 0x47;

/**
 * Reads the element at the beginning of `bytes`; undefined when there is none that this server writes, as where a crash
 * left zeros, or less than its head.
 */
export function topElement(type: ContainerType, bytes: Uint8Array): TopElement | undefined {
  switch (type) {
    case 'mp4':
      return boxOf(bytes);
    case 'mkv':
    case 'webm':
      return ebmlOf(bytes);
    case 'ts':
      return bytes[0] === TS_SYNC ? { role: 'piece', bytes: TS_PACKET_BYTES } : undefined;
  }
}

/** A fragment is a `moof` and the `mdat` behind it. @see ISO/IEC 14496-12 section 4.2 */
function boxOf(bytes: Uint8Array): TopElement | undefined {
  if (bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = view.getUint32(0);
  if (size < 8) return undefined;
  switch (String.fromCharCode(...bytes.subarray(4, 8))) {
    case 'ftyp':
    case 'moov':
    case 'free':
      return { role: 'head', bytes: size };
    case 'moof':
      return { role: 'half', bytes: size };
    case 'mdat':
      return { role: 'piece', bytes: size };
    default:
      return undefined;
  }
}

/** @see RFC 8794 sections 4 and 5 */
function ebmlOf(bytes: Uint8Array): TopElement | undefined {
  const idLength = vintLength(bytes[0] ?? 0);
  if (idLength > 4 || bytes.length < idLength + 1) return undefined;
  const id = bytes.subarray(0, idLength).reduce((value, byte) => value * 0x100 + byte, 0);
  const sizeLength = vintLength(bytes[idLength] ?? 0);
  if (sizeLength > 8 || bytes.length < idLength + sizeLength) return undefined;
  // The marker goes first: with it, a size in eight bytes would leave the range of exact numbers.
  const sizeField = bytes.subarray(idLength, idLength + sizeLength);
  const size = sizeField.reduce((value, byte, index) => value * 0x100 + (index === 0 ? byte & (0xff >> sizeLength) : byte), 0);
  const headBytes = idLength + sizeLength;
  switch (id) {
    // The segment is everything behind its head.
    case MATROSKA_ID.segment:
      return { role: 'head', bytes: headBytes };
    case MATROSKA_ID.ebml:
    case MATROSKA_ID.seekHead:
    case MATROSKA_ID.info:
    case MATROSKA_ID.tracks:
    case MATROSKA_ID.void:
    case MATROSKA_ID.cues:
      return { role: 'head', bytes: headBytes + size };
    case MATROSKA_ID.cluster:
      return { role: 'piece', bytes: headBytes + size };
    default:
      return undefined;
  }
}

function vintLength(first: number): number {
  return Math.clz32(first) - 23;
}
