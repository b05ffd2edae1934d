import { z } from 'zod';
import { LOG_LEVELS } from '../log/log.ts';

const port = z.number().int().min(1).max(65_535);

function portRange(from: number, to: number) {
  return z
    .object({ from: port.default(from), to: port.default(to) })
    .refine((range) => range.from <= range.to, { message: '"from" is above "to"' })
    .prefault({});
}

/** Keys of a plugin's section that the kernel reads; all others are the plugin's own. */
export const PLUGIN_HOST_KEYS = ['enabled', 'path', 'package', 'drainMs'] as const;

const pluginSection = z.looseObject({
  enabled: z.boolean().optional(),
  /** Folder of a plugin that did not come with the server. */
  path: z.string().min(1).optional(),
  /** npm package of a plugin that did not come with the server. */
  package: z.string().min(1).optional(),
  /** How long sessions of a replaced version may go on. */
  drainMs: z.number().int().min(0).optional(),
});

/** Everything that the kernel reads of wcs.yml, with defaults; units in the names, ports inclusive. */
export const KERNEL_SCHEMA = z.object({
  log: z.object({ level: z.enum(LOG_LEVELS).default('info') }).prefault({}),
  network: z
    .object({
      host: z.string().min(1).default('0.0.0.0'),
      /** Public address told to peers, where it differs from the bound one. */
      advertised: z.string().min(1).optional(),
      /** Lets URLs from outside name private and link-local addresses. */
      allowPrivateTargets: z.boolean().default(false),
      /** Host names, `*.example.org`, addresses or CIDR ranges that URLs from outside may name all the same. */
      allowedTargets: z.array(z.string().min(1)).default([]),
      /** What protects and sends RTP: the fastest that works here, or one of the two. */
      rtpEngine: z.enum(['auto', 'pure', 'ffi']).default('auto'),
    })
    .prefault({}),
  ports: z
    .object({
      media: portRange(31_000, 31_999),
      calls: portRange(30_000, 30_999),
      cameras: portRange(32_000, 32_999),
      relays: portRange(33_001, 34_000),
      agents: portRange(34_001, 35_000),
      /** How long a released port rests, so that late packets of its last user go nowhere. */
      quarantineMs: z.number().int().min(0).default(15_000),
    })
    .prefault({}),
  media: z
    .object({
      gopCacheFrames: z.number().int().min(0).default(1200),
      gopCacheBytes: z.number().int().min(0).default(16 * 1024 * 1024),
      /** How long readers wait for a publisher that is gone. */
      publisherGraceMs: z.number().int().min(0).default(10_000),
      readerMaxDelayMs: z.number().int().min(100).default(2000),
      readerMaxBytes: z.number().int().min(65_536).default(4_000_000),
      /** How long a reader may stay full before it is disconnected. */
      readerFullMs: z.number().int().min(0).default(10_000),
    })
    .prefault({}),
  tls: z
    .object({ cert: z.string().min(1).optional(), key: z.string().min(1).optional() })
    .refine((tls) => (tls.cert === undefined) === (tls.key === undefined), { message: 'give both "cert" and "key", or neither' })
    .prefault({}),
  admin: z.object({ user: z.string().regex(/^[\w.@-]{1,64}$/, 'letters, digits and _.@- only').default('admin') }).prefault({}),
  /** Folders with one plugin in each of their folders. */
  pluginFolders: z.array(z.string().min(1)).default([]),
  plugins: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/, 'plugin names are lower-case words with -'), pluginSection).default({}),
});

/** What the kernel reads of the configuration, validated and complete. */
export type KernelSettings = z.output<typeof KERNEL_SCHEMA>;
