import { aacDepacketiser, aacPacketiser } from './aac.ts';
import { av1Depacketiser, av1Packetiser } from './av1.ts';
import { h264Depacketiser, h264Packetiser } from './h264.ts';
import { hevcDepacketiser, hevcPacketiser } from './hevc.ts';
import { opusDepacketiser, opusPacketiser } from './opus.ts';
import type { DepacketiserOptions, PacketiserOptions, PayloadDepacketiser, PayloadPacketiser, UnitSink } from './payload-format.ts';
import { sampledDepacketiser, sampledPacketiser } from './sampled-audio.ts';
import { speexDepacketiser, speexPacketiser } from './speex.ts';
import { vp8Depacketiser, vp8Packetiser } from './vp8.ts';
import { vp9Depacketiser, vp9Packetiser } from './vp9.ts';

/** The codecs that have a payload format here, by their names on the media bus. */
export const PAYLOAD_CODECS = ['h264', 'hevc', 'vp8', 'vp9', 'av1', 'opus', 'aac', 'pcma', 'pcmu', 'g722', 'g729', 'l16', 'speex'] as const;

/** A codec of the list. */
export type PayloadCodec = (typeof PAYLOAD_CODECS)[number];

/** True for the name of a codec of the list. */
export function isPayloadCodec(name: string): name is PayloadCodec {
  return PAYLOAD_CODECS.some((codec) => codec === name);
}

/**
 * Opens the packetiser that packets on the media bus come from: AAC as AAC-hbr, H.264 in packetization mode 1.
 *
 * @throws ProtocolError when the track's configuration can't be read
 */
export function openPacketiser(codec: PayloadCodec, options: PacketiserOptions): PayloadPacketiser {
  switch (codec) {
    case 'h264':
      return h264Packetiser(options);
    case 'hevc':
      return hevcPacketiser(options);
    case 'vp8':
      return vp8Packetiser(options);
    case 'vp9':
      return vp9Packetiser(options);
    case 'av1':
      return av1Packetiser(options);
    case 'opus':
      return opusPacketiser();
    case 'aac':
      return aacPacketiser(options);
    case 'speex':
      return speexPacketiser();
    default:
      return sampledPacketiser(codec, options);
  }
}

/**
 * Opens the depacketiser of packets on the media bus, whose formats are those of `openPacketiser`.
 *
 * @throws ProtocolError when the track's configuration can't be read
 */
export function openDepacketiser(codec: PayloadCodec, options: DepacketiserOptions, emit: UnitSink): PayloadDepacketiser {
  switch (codec) {
    case 'h264':
      return h264Depacketiser(options, emit);
    case 'hevc':
      return hevcDepacketiser(options, emit);
    case 'vp8':
      return vp8Depacketiser(emit);
    case 'vp9':
      return vp9Depacketiser(emit);
    case 'av1':
      return av1Depacketiser(emit);
    case 'opus':
      return opusDepacketiser(emit);
    case 'aac':
      return aacDepacketiser(options, emit);
    case 'speex':
      return speexDepacketiser(emit);
    default:
      return sampledDepacketiser(codec, options.channels ?? 1, emit);
  }
}
