/**
 * What all users of node-av in this folder share; nothing outside of it imports that package. Runs in child processes
 * alone: ordinary use of that API can crash a process. Its rules (found by measuring): synchronous calls; encoder options
 * by `setOption`, never by a dictionary; every native object freed by hand; sizes checked before every call, since
 * nothing below does.
 */
import { Codec as AvCodec, Log, type CodecContext, type Packet } from 'node-av/lib';
import { AV_LOG_QUIET, AV_OPT_SEARCH_CHILDREN, AV_OPT_TYPE_STRING, type FFDecoderCodec, type FFEncoderCodec } from 'node-av/constants';
import { WcsError } from '../../errors/wcs-error.ts';

// What peers send is often damaged; FFmpeg would write a line for each macroblock.
Log.setLevel(AV_LOG_QUIET);

/** Largest side of a picture that is decoded or made. */
export const MAX_PICTURE_SIDE = 8192;
/** Ticks a second of pictures in here. */
export const VIDEO_CLOCK_HZ = 90_000;
const US_PER_SECOND = 1_000_000;

/** A compressed unit with integer microseconds. */
export interface TimedData {
  readonly data: Uint8Array;
  readonly ptsUs: number;
  readonly dtsUs: number;
  readonly key: boolean;
}

/** True where the first known of these is a decoder, or an encoder, of this build. */
export function hasCodec(names: readonly string[], side: 'decoder' | 'encoder'): boolean {
  return names.some((name) => findCodec(name, side) !== null);
}

/** Hands over all packets that an encoder has ready, each valid within the call. */
export function drainPackets(context: CodecContext, packet: Packet, take: (packet: Packet) => void): void {
  while (context.receivePacketSync(packet) >= 0) {
    try {
      take(packet);
    } finally {
      packet.unref();
    }
  }
}

/** @throws WcsError for an option that the codec does not know */
export function setOption(context: CodecContext, name: string, value: string): void {
  const code = context.setOption(name, value, AV_OPT_TYPE_STRING, AV_OPT_SEARCH_CHILDREN);
  if (code < 0) throw failure(`The encoder does not know ${name}=${value}`, code);
}

function findCodec(name: string, side: 'decoder' | 'encoder'): AvCodec | null {
  return side === 'decoder' ? AvCodec.findDecoderByName(name as FFDecoderCodec) : AvCodec.findEncoderByName(name as FFEncoderCodec);
}

/** @throws WcsError where this build has none of them */
export function findFirst(names: readonly string[], side: 'decoder' | 'encoder'): AvCodec {
  for (const name of names) {
    const codec = findCodec(name, side);
    if (codec !== null) return codec;
  }
  throw new WcsError('MEDIA_E_PROCESSING', `No ${side} ${names.join(' or ')}`);
}

/** @throws WcsError for a size that no encoder takes */
export function checkSize(width: number, height: number): void {
  const fits = [width, height].every((side) => Number.isInteger(side) && side >= 2 && side <= MAX_PICTURE_SIDE && side % 2 === 0);
  if (!fits) throw new WcsError('MEDIA_E_PROCESSING', `A picture of ${width}x${height} can't be made`);
}

/** An error with the code that FFmpeg answered. */
export function failure(what: string, code: number): WcsError {
  return new WcsError('MEDIA_E_PROCESSING', `${what} (${code})`);
}

export function ticksOf(us: number): bigint {
  return BigInt(Math.round((us * VIDEO_CLOCK_HZ) / US_PER_SECOND));
}

export function usOf(ticks: bigint): number {
  return Math.round((Number(ticks) * US_PER_SECOND) / VIDEO_CLOCK_HZ);
}
