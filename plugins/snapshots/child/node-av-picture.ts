import { AV_LOG_QUIET, AV_OPT_SEARCH_CHILDREN, AV_OPT_TYPE_STRING, AV_PIX_FMT_RGB24, AV_PIX_FMT_YUVJ420P, AVCOL_RANGE_JPEG, AVCOL_SPC_BT470BG, FF_DECODER_H264, FF_DECODER_HEVC, FF_DECODER_LIBAOM_AV1, FF_DECODER_LIBDAV1D, FF_DECODER_VP8, FF_DECODER_VP9, FF_ENCODER_MJPEG, FF_ENCODER_PNG, type FFDecoderCodec } from 'node-av/constants';
import { Codec, CodecContext, Frame, Log, Packet, Rational, SoftwareScaleContext } from 'node-av/lib';
import { MAX_PIXELS, type PictureCodec, type PictureFormat, type PictureWish } from '../wire/picture.ts';

/** Decoders by codec; the first that this build of FFmpeg has is taken. */
const DECODERS: Readonly<Record<PictureCodec, readonly FFDecoderCodec[]>> = {
  h264: [FF_DECODER_H264],
  hevc: [FF_DECODER_HEVC],
  vp8: [FF_DECODER_VP8],
  vp9: [FF_DECODER_VP9],
  av1: [FF_DECODER_LIBDAV1D, FF_DECODER_LIBAOM_AV1],
};
const ENCODERS = {
  // The default level takes six times as long for files that are a sixth smaller.
  png: { name: FF_ENCODER_PNG, pixelFormat: AV_PIX_FMT_RGB24, options: { compression_level: '1' } },
  jpeg: { name: FF_ENCODER_MJPEG, pixelFormat: AV_PIX_FMT_YUVJ420P, options: { qmin: '3', qmax: '3' } },
} as const;
const TIME_BASE = new Rational(1, 25);

type Freeable = () => void;

Log.setLevel(AV_LOG_QUIET);

/**
 * Decodes one key frame and encodes it as a picture. Native memory isn't left to the garbage collector: all of it is freed
 * before this returns.
 *
 * @throws Error naming the step that failed
 */
export function makePicture(codec: PictureCodec, keyFrame: Uint8Array, { format, width }: PictureWish): Buffer {
  const frees: Freeable[] = [];
  try {
    const decoded = decode(codec, keyFrame, frees);
    return encode(scale(decoded, width, format, frees), format, frees);
  } finally {
    for (const free of frees.reverse()) free();
  }
}

function decode(codec: PictureCodec, keyFrame: Uint8Array, frees: Freeable[]): Frame {
  const decoder = DECODERS[codec].flatMap((name) => Codec.findDecoderByName(name) ?? [])[0];
  if (decoder === undefined) throw new Error(`this FFmpeg decodes no ${codec}`);
  const context = new CodecContext();
  context.allocContext3(decoder);
  frees.push(() => context.freeContext());
  context.threadCount = 1;
  setOptions(context, { max_pixels: String(MAX_PIXELS) });
  check(context.open2Sync(decoder, null), 'the decoder does not open');
  const packet = newPacket(frees);
  packet.data = Buffer.from(keyFrame);
  packet.isKeyframe = true;
  const frame = newFrame(frees);
  check(context.sendPacketSync(packet), 'the decoder refuses the key frame');
  // The end of the stream, so that the decoder holds nothing back.
  check(context.sendPacketSync(null), 'the decoder does not finish');
  check(context.receiveFrameSync(frame), 'the key frame gives no picture');
  return frame;
}

/** No picture is made larger. Colours follow what the stream says of its matrix and range. */
function scale(source: Frame, width: number | undefined, format: PictureFormat, frees: Freeable[]): Frame {
  const target = newFrame(frees);
  target.width = Math.min(width ?? source.width, source.width);
  target.height = Math.max(1, Math.round((source.height * target.width) / source.width));
  target.format = ENCODERS[format].pixelFormat;
  target.colorRange = AVCOL_RANGE_JPEG;
  // What JPEG files have by definition (JFIF).
  if (format === 'jpeg') target.colorSpace = AVCOL_SPC_BT470BG;
  check(target.getBuffer(0), 'no memory for the picture');
  const scaler = new SoftwareScaleContext();
  scaler.allocContext();
  frees.push(() => scaler.freeContext());
  check(scaler.scaleFrameSync(target, source), 'the picture cannot be converted');
  return target;
}

function encode(picture: Frame, format: PictureFormat, frees: Freeable[]): Buffer {
  const { name, pixelFormat, options } = ENCODERS[format];
  const encoder = Codec.findEncoderByName(name);
  if (encoder === null) throw new Error(`this FFmpeg writes no ${format}`);
  const context = new CodecContext();
  context.allocContext3(encoder);
  frees.push(() => context.freeContext());
  context.width = picture.width;
  context.height = picture.height;
  context.pixelFormat = pixelFormat;
  context.colorRange = AVCOL_RANGE_JPEG;
  context.timeBase = TIME_BASE;
  context.threadCount = 1;
  setOptions(context, options);
  check(context.open2Sync(encoder, null), 'the encoder does not open');
  check(context.sendFrameSync(picture), 'the encoder refuses the picture');
  check(context.sendFrameSync(null), 'the encoder does not finish');
  const packet = newPacket(frees);
  check(context.receivePacketSync(packet), 'the encoder gives nothing');
  // A copy: the packet's memory goes with it.
  return Buffer.from(packet.data ?? []);
}

function newPacket(frees: Freeable[]): Packet {
  const packet = new Packet();
  packet.alloc();
  frees.push(() => packet.free());
  return packet;
}

function newFrame(frees: Freeable[]): Frame {
  const frame = new Frame();
  frame.alloc();
  frees.push(() => frame.free());
  return frame;
}

/** One by one and checked: a dictionary given to `open2Sync` corrupts the memory of node-av 6. */
function setOptions(context: CodecContext, options: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options)) check(context.setOption(name, value, AV_OPT_TYPE_STRING, AV_OPT_SEARCH_CHILDREN), `option ${name} is unknown`);
}

function check(code: number, what: string): void {
  if (code < 0) throw new Error(`${what} (FFmpeg error ${code})`);
}
