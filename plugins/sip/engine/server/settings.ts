import { z } from 'zod';
import { DEFAULT_TIMING } from '../session/timing.ts';

const port = z.number().int().min(0).max(65_535);

/** Settings of the embedded engine. */
export const engineSettingsSchema = z.strictObject({
  /** UDP and TCP port of the range `calls`. */
  port: port.default(30_000),
  tls: z.strictObject({ enabled: z.boolean().default(false), port: port.default(30_001), verify: z.boolean().default(true) }).prefault({}),
  /** Address that others reach us by, where it is not the one that we are bound to. */
  publicAddress: z.string().default(''),
  /** Round-trip estimate and its kin. @see RFC 3261 table 4 */
  timing: z
    .strictObject({
      t1Ms: z.number().int().min(20).max(5000).default(DEFAULT_TIMING.t1Ms),
      t2Ms: z.number().int().min(20).max(20_000).default(DEFAULT_TIMING.t2Ms),
      t4Ms: z.number().int().min(20).max(20_000).default(DEFAULT_TIMING.t4Ms),
    })
    .prefault({}),
  /** Interval of session timers that we offer, in seconds; 0 offers none. */
  sessionExpiresS: z.number().int().min(0).max(86_400).default(1800),
  /** Messages per second of one address; twice as many in a burst. */
  messagesPerSecond: z.number().int().min(1).default(500),
  /** Open TCP and TLS connections, all together and of one address. */
  maxConnections: z.number().int().min(1).default(2000),
  maxConnectionsPerAddress: z.number().int().min(1).default(200),
  userAgent: z.string().default('WCS Core'),
});

/** The settings with their defaults filled in. */
export type EngineSettings = z.output<typeof engineSettingsSchema>;
