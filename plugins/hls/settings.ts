import { z } from 'zod';

const port = (defaultPort: number) => z.number().int().min(0).max(65_535).default(defaultPort);
const milliseconds = (least: number, most: number, byDefault: number) => z.number().int().min(least).max(most).default(byDefault);

/** Settings under `plugins.hls` of wcs.yml; README.md says what each does. */
export const configSchema = z.object({
  port: port(8082),
  tlsPort: port(8445),
  container: z.enum(['fmp4', 'ts']).default('fmp4'),
  segmentMs: milliseconds(500, 10_000, 2000),
  partMs: milliseconds(100, 2000, 300),
  maxSegmentMs: milliseconds(1000, 30_000, 10_000),
  listSize: z.number().int().min(3).max(100).default(12),
  tsListSize: z.number().int().min(3).max(100).default(8),
  maxBytes: z
    .number()
    .int()
    .min(1024 * 1024)
    .default(128 * 1024 * 1024),
  /** Profiles of the transcoder that a multivariant playlist lists, in this order; none: the stream as it is. */
  abr: z.array(z.string().regex(/^[A-Za-z0-9_]{1,32}$/)).max(16).default([]),
  autoStart: z.boolean().default(false),
  startTimeoutMs: milliseconds(100, 60_000, 5000),
  idleMs: milliseconds(1000, 3_600_000, 30_000),
  viewerIdleMs: milliseconds(1000, 3_600_000, 30_000),
  maxHeldRequests: z.number().int().min(1).max(100_000).default(5000),
  maxViewers: z.number().int().min(1).max(1_000_000).default(20_000),
  corsOrigin: z.string().min(1).default('*'),
});

/** The settings with their defaults filled in. */
export type HlsSettings = z.output<typeof configSchema>;
