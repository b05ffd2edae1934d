import { parseAv1Config, sequenceHeaderOf } from 'wcs-core/formats/av1';
import { ByteWriter } from 'wcs-core/formats/byte-writer';
import * as h264 from 'wcs-core/formats/h264';
import * as hevc from 'wcs-core/formats/hevc';
import type { PictureCodec } from './picture.ts';

const IVF_HEADER_BYTES = 32;
const IVF_FRAME_HEADER_BYTES = 12;
const IVF_FOURCC = { vp8: 'VP80', vp9: 'VP90', av1: 'AV01' } as const;
const IVF_RATE = 25;
/** An empty temporal delimiter OBU, which begins each temporal unit of a byte stream. @see AV1 specification section 7.5 */
const TEMPORAL_DELIMITER = Uint8Array.of(0x12, 0);

/**
 * A key frame with everything that a decoder needs to begin with it: parameter sets and start codes for H.264 and HEVC,
 * temporal delimiter and sequence header for AV1.
 *
 * @param sample as it is on the bus
 * @param config the track's `codecConfig`
 * @throws ProtocolError when either makes no sense
 */
export function decodableOf(codec: PictureCodec, sample: Uint8Array, config: Uint8Array | undefined): Uint8Array {
  switch (codec) {
    case 'h264': {
      const sets = config === undefined ? undefined : h264.parseAvcConfig(config);
      return h264.lengthPrefixedToAnnexB(sample, { parameterSets: [...(sets?.sps ?? []), ...(sets?.pps ?? [])] });
    }
    case 'hevc': {
      const sets = config === undefined ? [] : hevc.parseHevcConfig(config).arrays.flatMap(({ nals }) => nals);
      return hevc.lengthPrefixedToAnnexB(sample, { parameterSets: sets });
    }
    case 'av1': {
      const hasHeader = config === undefined || sequenceHeaderOf(sample) !== undefined;
      return joined([TEMPORAL_DELIMITER, ...(hasHeader ? [] : [parseAv1Config(config).configObus]), sample]);
    }
    case 'vp8':
    case 'vp9':
      return sample;
  }
}

/** One frame as an IVF file, little endian: how ffmpeg takes VP8, VP9 and AV1 from a pipe. */
export function ivfOf(codec: keyof typeof IVF_FOURCC, frame: Uint8Array): Uint8Array {
  const file = Buffer.alloc(IVF_HEADER_BYTES + IVF_FRAME_HEADER_BYTES + frame.length);
  file.write('DKIF', 0, 'latin1');
  file.writeUInt16LE(IVF_HEADER_BYTES, 6);
  file.write(IVF_FOURCC[codec], 8, 'latin1');
  // Width and height stay 0: the frame tells them.
  file.writeUInt32LE(IVF_RATE, 16);
  file.writeUInt32LE(1, 20);
  file.writeUInt32LE(1, 24);
  file.writeUInt32LE(frame.length, IVF_HEADER_BYTES);
  file.set(frame, IVF_HEADER_BYTES + IVF_FRAME_HEADER_BYTES);
  return file;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(parts.reduce((size, part) => size + part.length, 0));
  for (const part of parts) writer.put(part);
  return writer.toBytes();
}
