import { z } from 'zod';
import { transportSettingsShape } from './transport-settings.ts';

const bitrateBps = z.number().int().min(10_000).max(1_000_000_000);
const codec = z.enum(['h264', 'vp8', 'vp9', 'av1', 'hevc', 'opus', 'pcmu', 'pcma', 'g722']);

/** Settings of the plugin, under `plugins.webrtc` in wcs.yml. */
export const settingsSchema = z.strictObject({
  ...transportSettingsShape,
  /** Codecs that are taken and sent; of these a publisher's own order decides, and a viewer gets what the stream has. */
  codecs: z.array(codec).min(1).default(['h264', 'vp8', 'vp9', 'av1', 'hevc', 'opus', 'pcmu', 'pcma', 'g722']),
  /** What a publisher may send, bits per second, where it asks for nothing else. */
  maxBitrateBps: bitrateBps.default(10_000_000),
  /** Take several sizes of one picture from publishers that offer them; each viewer gets one. */
  simulcast: z.boolean().default(true),
  /** Silence after which a connected publisher has failed; 0: never. */
  rtpActivityTimeoutMs: z.number().int().min(0).max(3_600_000).default(60_000),
  /** How long a viewer waits until a stream that is there tells its tracks. */
  playWaitMs: z.number().int().min(0).max(60_000).default(3000),
  /** Sessions, all together; further ones are refused. */
  maxSessions: z.number().int().min(1).default(10_000),
  whip: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Told to clients of WHIP and WHEP in `Link` headers. */
      iceServers: z
        .array(z.strictObject({ url: z.string().regex(/^(?:stun|stuns|turn|turns):[^\s<>"]+$/), username: z.string().optional(), credential: z.string().optional() }))
        .default([]),
      /** Origins whose pages may call; `*` for all. */
      allowOrigin: z.string().default('*'),
    })
    .prefault({}),
});

/** The settings with their defaults filled in. */
export type WebRtcSettings = z.output<typeof settingsSchema>;
