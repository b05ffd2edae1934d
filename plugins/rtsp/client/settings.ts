import { z } from 'zod';

const periodMs = z.number().int().min(100).max(3_600_000);

/** Settings of pulls, under `plugins.rtsp.client` in wcs.yml. */
export const clientSettingsSchema = z.strictObject({
  /** What is asked for first: `tcp`, over the RTSP connection, or `udp`, which falls back to TCP where nothing comes through. */
  transport: z.enum(['tcp', 'udp']).default('tcp'),
  /** Numeric local address of the connections to cameras; default: the system's choice. */
  bindAddress: z.union([z.ipv4(), z.ipv6()]).optional(),
  /** False takes any certificate of an `rtsps://` camera. */
  verifyCertificates: z.boolean().default(true),
  /** From a request to its answer. */
  answerTimeoutMs: periodMs.default(5000),
  /** Silence of RTP over UDP from the start, after which TCP is tried. */
  udpSilenceMs: periodMs.default(3000),
  /** Silence after which a camera is taken for gone, and is called anew. */
  silenceTimeoutMs: periodMs.default(10_000),
  /** How long readers wait for a camera that is gone, before their stream ends. */
  reconnectGraceMs: z.number().int().min(0).max(3_600_000).default(60_000),
  /** Wait before the second call of a camera, twice as long each further time, and the longest wait. */
  retryFirstMs: periodMs.default(500),
  retryMaxMs: periodMs.default(30_000),
  /** Wait after a wrong password: cameras lock users out who try again and again. */
  unauthorisedRetryMs: periodMs.default(60_000),
  /** How long a pulled stream without readers goes on. */
  idleMs: z.number().int().min(0).max(3_600_000).default(10_000),
  /** Pulls at a time. */
  maxPulls: z.number().int().min(1).default(500),
});

/** The settings with their defaults filled in. */
export type ClientSettings = z.output<typeof clientSettingsSchema>;
