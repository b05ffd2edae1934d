import { z } from 'zod';
import { parseHostPort } from '../engine/wire/sip-uri.ts';

/** Where a drachtio-server waits for its applications, unless its configuration says otherwise. */
export const CONTROL_PORT = 9022;
const HOSTS_MAX = 16;

const host = z.strictObject({
  /** Host or address, with the port of the control protocol: `sip1.example:9022`. */
  address: z.string().refine((text) => parseHostPort(text) !== undefined, 'a host, or a host and a port'),
  /** What the server lets its applications in by. A bar or a line end would end it on the way. */
  secret: z.string().regex(/^[^|\r\n]+$/, 'a text without a bar'),
  tls: z.strictObject({ enabled: z.boolean().default(false), verify: z.boolean().default(true) }).prefault({}),
});

/** Settings of drachtio-servers elsewhere, under `plugins.sip.drachtio`. */
export const drachtioSettingsSchema = z.strictObject({
  /** Servers that speak SIP for us; none: the embedded engine does. */
  hosts: z
    .array(host)
    .max(HOSTS_MAX)
    .refine((hosts) => new Set(hosts.map(({ address }) => address)).size === hosts.length, 'each host once')
    .default([]),
});

/** The settings with their defaults filled in. */
export type DrachtioSettings = z.output<typeof drachtioSettingsSchema>;
export type DrachtioHostSettings = DrachtioSettings['hosts'][number];
