import type { Codec, TrackDescriptor } from 'wcs-core';
import type { OfferedCodec } from 'wcs-core/formats/sdp-codecs';

/** Encoding names of RTP, in lower case, and the codecs of the media bus. */
const CODEC_OF_NAME: Readonly<Partial<Record<string, { readonly codec: Codec; readonly clockRateHz: number }>>> = {
  h264: { codec: 'h264', clockRateHz: 90_000 },
  h265: { codec: 'hevc', clockRateHz: 90_000 },
  vp8: { codec: 'vp8', clockRateHz: 90_000 },
  vp9: { codec: 'vp9', clockRateHz: 90_000 },
  av1: { codec: 'av1', clockRateHz: 90_000 },
  opus: { codec: 'opus', clockRateHz: 48_000 },
  pcmu: { codec: 'pcmu', clockRateHz: 8000 },
  pcma: { codec: 'pcma', clockRateHz: 8000 },
  g722: { codec: 'g722', clockRateHz: 8000 },
};
/** What H.264 is without `profile-level-id`: baseline. @see RFC 6184 section 8.1 */
const DEFAULT_PROFILE_LEVEL_ID = '42000a';
/** Place of AVCProfileIndication in an avcC, of profile_idc in an hvcC, of the profile in a vpcC. */
const AVCC_PROFILE_AT = 1;
const HVCC_PROFILE_AT = 1;
const VPCC_PROFILE_AT = 0;
const HVCC_PROFILE_BITS = 0x1f;
/** Greater than any profile and any distance of two. */
const PROFILES = 512;

/** The codec of the media bus that a format stands for; undefined for one that is not carried. */
export function codecOf(offered: OfferedCodec): Codec | undefined {
  const known = CODEC_OF_NAME[offered.name.toLowerCase()];
  return known?.clockRateHz === offered.clockRateHz ? known.codec : undefined;
}

/** What a format would be used for: to take what comes, or to send a track, which may not be known yet. */
export type FormatUse = { readonly type: 'receive' } | { readonly type: 'send'; readonly track?: TrackDescriptor | undefined };

/** How well a format serves a codec, the more the better; undefined where it does not at all. A format of the track's own profile is better than another. */
export function fitOf(offered: OfferedCodec, codec: Codec, use: FormatUse): number | undefined {
  if (codecOf(offered) !== codec) return undefined;
  const profile = use.type === 'send' && use.track?.codec === codec ? profileOf(use.track) : undefined;
  switch (codec) {
    case 'h264':
      return h264Fit(offered, use, profile);
    case 'vp9':
      return profileFit(offered.parameters['profile-id'] ?? '0', profile ?? 0);
    case 'av1':
      return profileFit(offered.parameters['profile'] ?? '0', 0);
    case 'hevc':
      return profileFit(offered.parameters['profile-id'] ?? '1', profile ?? 1);
    case 'opus':
      return offered.channels === 2 ? 1 : undefined;
    default:
      return 1;
  }
}

/** Fragmented NAL units need mode 1, so that mode 0 only serves to receive. @see RFC 6184 section 5.2 */
function h264Fit(offered: OfferedCodec, use: FormatUse, wanted: number | undefined): number | undefined {
  const mode = offered.parameters['packetization-mode'] ?? '0';
  if (mode !== '1') return mode === '0' && use.type === 'receive' ? 0 : undefined;
  const id = offered.parameters['profile-level-id'] ?? DEFAULT_PROFILE_LEVEL_ID;
  const profile = /^[0-9a-f]{6}$/i.test(id) ? Number.parseInt(id.slice(0, 2), 16) : undefined;
  if (wanted === undefined || profile === undefined) return 1;
  // A decoder of a higher profile shows a lower one too: 66 baseline, 77 main, 100 high. The nearest one is best.
  return profile >= wanted ? PROFILES + wanted - profile : profile;
}

function profileFit(offered: string, wanted: number): number | undefined {
  return Number(offered) === wanted ? 1 : undefined;
}

function profileOf({ codec, codecConfig }: TrackDescriptor): number | undefined {
  switch (codec) {
    case 'h264':
      return codecConfig?.[AVCC_PROFILE_AT];
    case 'hevc':
      return codecConfig === undefined ? undefined : (codecConfig[HVCC_PROFILE_AT] ?? 0) & HVCC_PROFILE_BITS;
    case 'vp9':
      return codecConfig?.[VPCC_PROFILE_AT];
    default:
      return undefined;
  }
}
