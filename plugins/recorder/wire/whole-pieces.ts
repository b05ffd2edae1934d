import { MATROSKA_ID, parseElementHead, type ElementHead } from 'wcs-core/formats/matroska';
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

/** @see RFC 9559 section 4.5 */
function ebmlOf(bytes: Uint8Array): TopElement | undefined {
  const head = elementHead(bytes);
  switch (head?.id) {
    // The segment is everything behind its head.
    case MATROSKA_ID.segment:
      return { role: 'head', bytes: head.headBytes };
    case MATROSKA_ID.ebml:
    case MATROSKA_ID.seekHead:
    case MATROSKA_ID.info:
    case MATROSKA_ID.tracks:
    case MATROSKA_ID.void:
    case MATROSKA_ID.cues:
      return head.bytes === undefined ? undefined : { role: 'head', bytes: head.headBytes + head.bytes };
    case MATROSKA_ID.cluster:
      return head.bytes === undefined ? undefined : { role: 'piece', bytes: head.headBytes + head.bytes };
    default:
      return undefined;
  }
}

function elementHead(bytes: Uint8Array): ElementHead | undefined {
  try {
    return parseElementHead(bytes, 0);
  } catch {
    return undefined;
  }
}
