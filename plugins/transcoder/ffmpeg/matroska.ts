/** Elements of Matroska that are written or looked at here. @see RFC 9559 section 5.1 */
export const ID = {
  ebml: 0x1a45dfa3,
  docType: 0x4282,
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  audio: 0xe1,
  samplingFrequency: 0xb5,
  channels: 0x9f,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
} as const;

/** Elements whose content is elements that are looked at. */
export const CONTAINERS: ReadonlySet<number> = new Set([ID.segment, ID.info, ID.tracks, ID.trackEntry, ID.video, ID.audio, ID.cluster, ID.blockGroup]);

/** The one track of a file written here. */
export interface MatroskaTrack {
  readonly type: 'video' | 'audio';
  readonly codecId: string;
  readonly codecPrivate?: Uint8Array | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly sampleRateHz?: number | undefined;
  readonly channels?: number | undefined;
}

/** Nanoseconds of a tick written here: a block stands in a cluster of its own, so that no time is too far from it. */
const SCALE_NS = 10_000;
const US_PER_TICK = SCALE_NS / 1000;
const UNKNOWN_SIZE = Buffer.from([0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
const KEY_FLAG = 0x80;

/** The head of a live file. */
export function matroskaHead(track: MatroskaTrack): Buffer {
  const { type, codecId, codecPrivate, width, height, sampleRateHz, channels } = track;
  const picture = width === undefined || height === undefined ? [] : [element(ID.video, Buffer.concat([unsigned(ID.pixelWidth, width), unsigned(ID.pixelHeight, height)]))];
  const sound = type === 'audio' ? [element(ID.audio, Buffer.concat([float(ID.samplingFrequency, sampleRateHz ?? 48_000), unsigned(ID.channels, channels ?? 1)]))] : [];
  const entry = [
    unsigned(ID.trackNumber, 1),
    unsigned(ID.trackUid, 1),
    unsigned(ID.trackType, type === 'video' ? 1 : 2),
    text(ID.codecId, codecId),
    ...(codecPrivate === undefined ? [] : [element(ID.codecPrivate, codecPrivate)]),
    ...picture,
    ...sound,
  ];
  const info = [unsigned(ID.timestampScale, SCALE_NS), text(ID.muxingApp, 'wcs'), text(ID.writingApp, 'wcs')];
  return Buffer.concat([
    element(ID.ebml, text(ID.docType, 'matroska')),
    idBytes(ID.segment),
    UNKNOWN_SIZE,
    element(ID.info, Buffer.concat(info)),
    element(ID.tracks, element(ID.trackEntry, Buffer.concat(entry))),
  ]);
}

/** One unit as a cluster of its own. @param ptsUs not negative */
export function matroskaCluster(data: Uint8Array, ptsUs: number, key: boolean): Buffer {
  const block = element(ID.simpleBlock, Buffer.concat([Buffer.from([0x81, 0, 0, key ? KEY_FLAG : 0]), data]));
  return element(ID.cluster, Buffer.concat([unsigned(ID.timestamp, Math.round(ptsUs / US_PER_TICK)), block]));
}

function element(id: number, content: Uint8Array): Buffer {
  const size = Buffer.alloc(8);
  size.writeUIntBE(content.length, 2, 6);
  size[0] = 0x01;
  return Buffer.concat([idBytes(id), size, content]);
}

function idBytes(id: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(id);
  return bytes.subarray(bytes.findIndex((byte) => byte !== 0));
}

function unsigned(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return element(id, bytes);
}

function float(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return element(id, bytes);
}

function text(id: number, value: string): Buffer {
  return element(id, Buffer.from(value));
}
