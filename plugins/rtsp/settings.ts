import { z } from 'zod';
import { clientSettingsSchema } from './client/settings.ts';

const port = z.number().int().min(0).max(65_535);
const seconds = z.number().int().min(1).max(86_400);

/** Settings of the plugin, under `plugins.rtsp` in wcs.yml. */
export const settingsSchema = z.strictObject({
  /** TCP port of the server; without it 554, or 8554 where the system does not permit that. */
  port: port.optional(),
  rtsps: z.strictObject({ enabled: z.boolean().default(false), port: port.default(322) }).prefault({}),
  /** Users who may publish and play, by name with their password; without any, nobody is asked for one. */
  auth: z.strictObject({ realm: z.string().min(1).max(100).default('WCS Core'), users: z.record(z.string().min(1), z.string().min(1)).default({}) }).prefault({}),
  /** RTP over UDP; without it over the connection only. */
  udp: z.boolean().default(true),
  /** Open connections, all together and of one address; further ones are refused. */
  maxConnections: z.number().int().min(1).default(10_000),
  maxConnectionsPerAddress: z.number().int().min(1).default(2000),
  /** From the connection's start to PLAY or RECORD. */
  setupTimeoutS: seconds.default(20),
  /** Silence after which a session ends; told to clients, who keep it alive. */
  sessionTimeoutS: seconds.default(60),
  /** How long a player waits for a stream that nobody publishes yet, milliseconds. */
  playWaitMs: z.number().int().min(0).max(3_600_000).default(3000),
  /** Every frame at once to every player over TCP, instead of batches; a player asks for it alone by `?lowLatency=1`. */
  lowLatency: z.boolean().default(false),
  /** Pulls of cameras and other servers. */
  client: clientSettingsSchema.prefault({}),
});

/** The settings with their defaults filled in. */
export type RtspSettings = z.output<typeof settingsSchema>;
