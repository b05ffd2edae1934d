import { z } from 'zod';

/** Settings of the plugin, under `plugins.mpegts` in wcs.yml. */
export const settingsSchema = z.strictObject({
  /** Address that ports are bound to; by default `network.host`. */
  host: z.string().min(1).optional(),
  /** Host in the addresses that publishers are told; by default the machine's own address. */
  advertisedHost: z.string().min(1).optional(),
  /** An ingest ends after so long without media, in milliseconds. */
  timeoutMs: z.number().int().min(1000).max(3_600_000).default(90_000),
  /** IP addresses that may send, where a request names none; empty: all. */
  allowedList: z.array(z.string().min(1)).default([]),
  /** Another sender is taken when the first one has been silent for so long, in milliseconds. */
  senderSilenceMs: z.number().int().min(100).max(3_600_000).default(5000),
  /** Ingests at a time. */
  maxIngests: z.number().int().min(1).default(200),
  /** The ffmpeg program that receives SRT. */
  ffmpegPath: z.string().min(1).default('ffmpeg'),
});

/** The settings with their defaults filled in. */
export type MpegTsSettings = z.output<typeof settingsSchema>;
