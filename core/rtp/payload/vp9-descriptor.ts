import { ProtocolError } from '../../errors/wcs-error.ts';
import { ByteCursor } from '../../formats/byte-reader.ts';

/** The payload descriptor of a VP9 packet. @see RFC 9628 section 4.2 */
export interface Vp9Descriptor {
  /** Bytes of the descriptor. */
  readonly length: number;
  /** 7 or 15 bits. */
  readonly pictureId?: number;
  /** P: the picture refers to earlier ones; false for key pictures. */
  readonly interPicture: boolean;
  readonly flexible: boolean;
  /** B: the payload begins a layer frame. */
  readonly startsFrame: boolean;
  /** E: the payload ends a layer frame. */
  readonly endsFrame: boolean;
  /** Z: no frame of a higher spatial layer refers to this one. */
  readonly notReferenceForUpper: boolean;
  readonly layer?: Vp9LayerIndices;
  /** Distances of the pictures referred to, in flexible mode. */
  readonly referenceDistances: readonly number[];
  readonly scalability?: Vp9Scalability;
}

/** @see RFC 9628 section 4.2.1 */
export interface Vp9LayerIndices {
  readonly temporalId: number;
  readonly switchingUp: boolean;
  readonly spatialId: number;
  /** D: refers to the frame of the layer below. */
  readonly interLayer: boolean;
  /** Only in non-flexible mode. */
  readonly tl0PicIdx?: number;
}

/** The scalability structure that precedes a key picture. @see RFC 9628 section 4.2.2 */
export interface Vp9Scalability {
  readonly spatialLayers: number;
  /** Of each spatial layer, where they are given. */
  readonly sizes: readonly { readonly width: number; readonly height: number }[];
  /** Pictures of a group, where it is described. */
  readonly pictures: number;
}

const HAS_PICTURE_ID = 0x80;
const INTER_PICTURE = 0x40;
const HAS_LAYER_INDICES = 0x20;
const FLEXIBLE = 0x10;
const START = 0x08;
const END = 0x04;
const HAS_SCALABILITY = 0x02;
const NOT_REFERENCE = 0x01;
const LONG_PICTURE_ID = 0x80;
const MAX_REFERENCES = 3;

/** Reads the descriptor of a payload, or answers undefined when it is cut short or has more references than there may be. */
export function parseVp9Descriptor(payload: Uint8Array): Vp9Descriptor | undefined {
  try {
    return readDescriptor(new ByteCursor(payload));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function readDescriptor(cursor: ByteCursor): Vp9Descriptor {
  const flags = cursor.u8();
  const flexible = (flags & FLEXIBLE) !== 0;
  const interPicture = (flags & INTER_PICTURE) !== 0;
  const pictureId = (flags & HAS_PICTURE_ID) === 0 ? undefined : readPictureId(cursor);
  const layer = (flags & HAS_LAYER_INDICES) === 0 ? undefined : readLayer(cursor, flexible);
  const referenceDistances = flexible && interPicture ? readReferences(cursor) : [];
  const scalability = (flags & HAS_SCALABILITY) === 0 ? undefined : readScalability(cursor);
  return {
    length: cursor.position,
    ...(pictureId === undefined ? {} : { pictureId }),
    interPicture,
    flexible,
    startsFrame: (flags & START) !== 0,
    endsFrame: (flags & END) !== 0,
    notReferenceForUpper: (flags & NOT_REFERENCE) !== 0,
    ...(layer === undefined ? {} : { layer }),
    referenceDistances,
    ...(scalability === undefined ? {} : { scalability }),
  };
}

function readPictureId(cursor: ByteCursor): number {
  const first = cursor.u8();
  return (first & LONG_PICTURE_ID) === 0 ? first : ((first & ~LONG_PICTURE_ID) << 8) | cursor.u8();
}

function readLayer(cursor: ByteCursor, flexible: boolean): Vp9LayerIndices {
  const bits = cursor.u8();
  const indices = { temporalId: bits >> 5, switchingUp: (bits & 0x10) !== 0, spatialId: (bits >> 1) & 0x07, interLayer: (bits & 0x01) !== 0 };
  return flexible ? indices : { ...indices, tl0PicIdx: cursor.u8() };
}

function readReferences(cursor: ByteCursor): readonly number[] {
  const distances: number[] = [];
  for (;;) {
    const bits = cursor.u8();
    distances.push(bits >> 1);
    if ((bits & 0x01) === 0) return distances;
    if (distances.length === MAX_REFERENCES) throw new ProtocolError('A VP9 picture with too many references', cursor.position);
  }
}

function readScalability(cursor: ByteCursor): Vp9Scalability {
  const bits = cursor.u8();
  const spatialLayers = (bits >> 5) + 1;
  const sizes: { width: number; height: number }[] = [];
  if ((bits & 0x10) !== 0) for (let i = 0; i < spatialLayers; i++) sizes.push({ width: cursor.u16(), height: cursor.u16() });
  const pictures = (bits & 0x08) === 0 ? 0 : cursor.u8();
  for (let i = 0; i < pictures; i++) cursor.skip((cursor.u8() >> 2) & 0x03);
  return { spatialLayers, sizes, pictures };
}
