import { z } from 'zod';

const port = (standard: number) => z.number().int().min(0).max(65_535).default(standard);

/** Settings under `plugins.http` of wcs.yml. */
export const httpSettings = z.strictObject({
  port: port(8081).describe('HTTP port; 0 asks for any free one.'),
  tlsPort: z.union([port(8444), z.literal('off')]).default(8444).describe('HTTPS port, or off.'),
  host: z.string().optional().describe('Address to listen on; by default network.host.'),
  allowedOrigins: z.array(z.string()).default([]).describe('Web origins whose pages may change something, e.g. https://admin.example.com; * allows all.'),
  hlsPort: port(8082).describe('HTTP port of the HLS server, for the player page.'),
  hlsTlsPort: port(8445).describe('HTTPS port of the HLS server, for the player page.'),
  requestTimeoutMs: z.number().int().min(1000).max(3_600_000).default(30_000).describe('A request, body included, must be there by then.'),
  maxConnections: z.number().int().min(1).default(1000).describe('Connections at once, for each port.'),
});

/** Settings with defaults filled in. */
export type HttpSettings = z.output<typeof httpSettings>;
