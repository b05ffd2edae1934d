import { z } from 'zod';

const port = z.number().int().min(0).max(65_535);
const periodMs = z.number().int().min(100).max(3_600_000);
const count = z.number().int().min(1).max(1_000_000);

/** Settings of the plugin, under `plugins.websocket` in wcs.yml. */
export const settingsSchema = z.strictObject({
  /** Ports of ws: and wss:. */
  port: port.default(8080),
  tlsPort: port.default(8443),
  /** Open WebSockets, all together and of one address; further ones are refused. */
  maxConnections: count.default(10_000),
  maxConnectionsPerAddress: count.default(2000),
  /** From the WebSocket's start to the end of `connection`. */
  connectTimeoutMs: periodMs.default(10_000),
  /** Time between two pings, and how many may stay unanswered. */
  pingIntervalMs: periodMs.default(5000),
  pingProbes: z.number().int().min(1).max(1000).default(10),
  /** How long a client that asked for `keepAlive` may come back with its token. */
  resumeMs: periodMs.default(60_000),
  /** Streams of one client at once. */
  maxStreamsPerSession: count.default(64),
  rooms: z
    .strictObject({
      /** Applications (`appKey`) whose data may be commands of the room application. */
      appKeys: z.array(z.string()).default(['roomApp']),
      maxMembers: count.default(200),
      maxPerSession: count.default(16),
    })
    .prefault({}),
  logs: z
    .strictObject({
      /** Bytes of log lines kept of one client, and files of clients kept in the state folder. */
      maxBytesPerSession: z.number().int().min(0).default(1_048_576),
      maxFiles: count.default(100),
    })
    .prefault({}),
});

/** The settings with their defaults filled in. */
export type WebSocketSettings = z.output<typeof settingsSchema>;
