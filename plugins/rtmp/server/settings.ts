import { z } from 'zod';

const port = z.number().int().min(0).max(65_535);
const periodMs = z.number().int().min(100).max(3_600_000);

const clientSchema = z.strictObject({
  /** From the connection to the flow of media. */
  timeoutMs: periodMs.default(10_000),
  /** Between two tries after a break: at first, and at most. */
  reconnectMinMs: periodMs.default(500),
  reconnectMaxMs: periodMs.default(30_000),
  /** Whether the certificates of `rtmps://` servers must be good. */
  verifyCertificates: z.boolean().default(true),
  /** Pushes and pulls at once, all together. */
  maxRelays: z.number().int().min(0).default(500),
  /** In front of a stream's name on the server that it is pushed to. */
  pushNamePrefix: z.string().max(64).default('rtmp_'),
  /** Where the files of `push.sound_on` are, relative to the working directory. */
  soundFolder: z.string().min(1).default('./media'),
});

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
  /** Pushes to and pulls from other servers. */
  client: clientSchema.prefault({}),
});

/** The settings with their defaults filled in. */
export type RtmpSettings = z.output<typeof settingsSchema>;
