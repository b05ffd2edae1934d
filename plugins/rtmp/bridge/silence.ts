import type { TrackDescriptor } from 'wcs-core';
import { parseAudioSpecificConfig } from 'wcs-core/formats/aac';

/**
 * An AAC frame of one channel with no spectrum: SCE, then END (ISO/IEC 14496-3 tables 4.3, 4.4 and 4.50; a global gain of
 * 0, one long window and `max_sfb` 0, so that nothing else follows).
 */
const AAC_MONO = Uint8Array.of(0, 0, 0, 0x07);
/** The same of two channels: CPE without a common window, two empty streams, END. */
const AAC_STEREO = Uint8Array.of(0x20, 0, 0, 0, 0, 0, 0x0e);

const PCMA_ZERO = 0xd5;
const PCMU_ZERO = 0xff;
const MP3_HEADER_BYTES = 4;

/**
 * A frame that sounds like nothing and lasts as long as `data`, so that a receiver which waits for sound goes on.
 * Undefined for a codec, or a layout of channels, that has no such frame here: then no sound is sent.
 */
export function silentFrame({ codec, codecConfig }: TrackDescriptor, data: Uint8Array): Uint8Array | undefined {
  switch (codec) {
    case 'aac':
      return codecConfig === undefined ? undefined : silentAac(codecConfig);
    case 'opus':
      return silentOpus(data);
    case 'mp3':
      return silentMp3(data);
    case 'pcma':
      return new Uint8Array(data.length).fill(PCMA_ZERO);
    case 'pcmu':
      return new Uint8Array(data.length).fill(PCMU_ZERO);
    default:
      return undefined;
  }
}

function silentAac(config: Uint8Array): Uint8Array | undefined {
  const { channelConfiguration } = parseAudioSpecificConfig(config);
  if (channelConfiguration === 1) return AAC_MONO;
  return channelConfiguration === 2 ? AAC_STEREO : undefined;
}

/** Frames without bytes, as many and as long as there were. @see RFC 6716 sections 3.1 and 3.2 */
function silentOpus(data: Uint8Array): Uint8Array {
  const [head = 0, frames = 1] = data;
  switch (head & 3) {
    case 0:
      return Uint8Array.of(head);
    case 1:
    case 2:
      return Uint8Array.of((head & 0xfc) | 1);
    default:
      return Uint8Array.of(head, frames & 0x3f);
  }
}

/** The same header, saying that there is no checksum, before side information of nothing but zeros. */
function silentMp3(data: Uint8Array): Uint8Array {
  const silent = new Uint8Array(data.length);
  silent.set(data.subarray(0, MP3_HEADER_BYTES));
  silent[1] = (silent[1] ?? 0) | 1;
  return silent;
}
