import { z } from 'zod';

const port = z.number().int().min(0).max(65_535);
const periodMs = z.number().int().min(100).max(3_600_000);

/** Settings of the plugin, under `plugins.rtmp` in wcs.yml. */
export const settingsSchema = z.strictObject({
  /** TCP port of the RTMP server. */
  port: port.default(1935),
  rtmps: z.strictObject({ enabled: z.boolean().default(false), port: port.default(1936) }).prefault({}),
  /** Open connections, all together and of one address; further ones are refused. */
  maxConnections: z.number().int().min(1).default(10_000),
  maxConnectionsPerAddress: z.number().int().min(1).default(2000),
  /** From the connection's start to an accepted `connect`. */
  handshakeTimeoutMs: periodMs.default(10_000),
  /** Silence after which a peer is asked whether it is there, and after which its connection ends. */
  pingIntervalMs: periodMs.default(20_000),
  idleTimeoutMs: periodMs.default(60_000),
  /** How long a player waits for a stream that nobody publishes yet. */
  playWaitMs: z.number().int().min(0).max(3_600_000).default(3000),
  /** Every frame at once to every player; a player asks for it alone by `?lowLatency=1`. */
  lowLatency: z.boolean().default(false),
  /** HEVC under its unofficial codec number for players that don't announce enhanced RTMP. */
  legacyHevc: z.boolean().default(true),
});

/** The settings with their defaults filled in. */
export type RtmpSettings = z.output<typeof settingsSchema>;
