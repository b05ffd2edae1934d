import type { Codec } from 'wcs-core';
import { aacLcConfig, encodeAudioSpecificConfig } from 'wcs-core/formats/aac';
import { avcConfigOf, encodeAvcConfig, joinNals, listNals, AnnexBCursor, NAL_TYPE, nalType } from 'wcs-core/formats/h264';
import { encodeDops } from 'wcs-core/formats/opus';

/** Samples at 48 kHz that libopus holds back without its speech mode. */
const OPUS_PRE_SKIP = 120;

/** The configuration record of sound that is made here. */
export function audioConfigOf(codec: Codec, sampleRateHz: number, channels: number): { readonly codecConfig?: string } {
  if (codec === 'aac') return { codecConfig: base64(encodeAudioSpecificConfig(aacLcConfig(sampleRateHz, channels))) };
  if (codec === 'opus') return { codecConfig: base64(encodeDops({ channels, preSkip: OPUS_PRE_SKIP, inputSampleRateHz: sampleRateHz, outputGain: 0 })) };
  return {};
}

/** An H.264 picture as the bus carries it, and the configuration that came in band before it. */
export interface AvcPicture {
  readonly sample: Uint8Array;
  /** Base 64. */
  readonly codecConfig?: string;
}

/** Takes the byte stream of an encoder apart: parameter sets become the configuration, delimiters go. */
export function avcPictureOf(stream: Uint8Array): AvcPicture {
  const nals = listNals(new AnnexBCursor(stream));
  const ofType = (type: number): Uint8Array[] => nals.filter((nal) => nalType(nal[0] ?? 0) === type);
  const rest = nals.filter((nal) => ![NAL_TYPE.sps, NAL_TYPE.pps, NAL_TYPE.accessUnitDelimiter].some((type) => type === nalType(nal[0] ?? 0)));
  const sps = ofType(NAL_TYPE.sps);
  const sample = joinNals(rest);
  return sps.length === 0 ? { sample } : { sample, codecConfig: base64(encodeAvcConfig(avcConfigOf(sps, ofType(NAL_TYPE.pps)))) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
