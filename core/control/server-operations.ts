import { z } from 'zod';
import type { Config } from '../config/config.ts';
import { maskChange } from '../config/diff.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Certificates } from '../net/certificates.ts';
import type { Listeners } from '../net/listeners.ts';
import { RANGE_NAMES, type PortRanges } from '../net/port-ranges.ts';
import type { Operations } from '../operations/operations.ts';

/** What the server-wide operations look at. */
export interface ServerParts {
  readonly config: Config;
  readonly ports: PortRanges;
  readonly listeners: Listeners;
  readonly certificates: Certificates;
  readonly metrics: Metrics;
}

const setting = z.object({ path: z.string().describe('e.g. log.level') });

/** `config.*`, `ports.*`, `listener.*`, `tls.*` and `stat.*`: the server as a whole. */
export function registerServerOperations(operations: Operations, parts: ServerParts): void {
  registerConfigOperations(operations, parts.config);
  operations.register({
    name: 'ports.list',
    summary: 'How the port ranges are used',
    role: 'viewer',
    aliases: ['ports'],
    input: z.object({}),
    handler: () => RANGE_NAMES.map((range) => ({ range, ...parts.ports.counts(range) })),
  });
  operations.register({
    name: 'listener.list',
    summary: 'Listening sockets and who serves them',
    role: 'viewer',
    input: z.object({}),
    handler: () => parts.listeners.list(),
  });
  operations.register({
    name: 'tls.reload',
    summary: 'Read certificate and key again; live connections go on with the old ones',
    role: 'admin',
    input: z.object({}),
    handler: async () => {
      await parts.certificates.reload();
      const { fingerprintSha256, notAfter } = parts.certificates.current;
      return { fingerprintSha256, notAfter };
    },
  });
  operations.register({
    name: 'stat.show',
    summary: 'Statistics, all groups or one',
    role: 'viewer',
    aliases: ['stat'],
    input: z.object({ group: z.string().optional() }),
    cli: { positional: ['group'] },
    handler: ({ group }) => {
      const groups = parts.metrics.groups();
      const wanted = groups.filter((each) => group === undefined || each.group === group);
      return wanted.flatMap((each) => each.values.map(({ name, value }) => ({ group: each.group, name, value })));
    },
  });
}

function registerConfigOperations(operations: Operations, config: Config): void {
  operations.register({
    name: 'config.get',
    summary: 'Settings with their values and where each comes from; all, or those below a path',
    role: 'admin',
    input: z.object({ path: z.string().default('') }),
    cli: { positional: ['path'] },
    handler: ({ path }) => config.entries().filter((entry) => path === '' || entry.path === path || entry.path.startsWith(`${path}.`)),
  });
  operations.register({
    name: 'config.set',
    summary: 'Change a setting now and at every start',
    role: 'admin',
    input: setting.extend({ value: z.unknown() }),
    cli: { positional: ['path', 'value'] },
    handler: async ({ path, value }) => (await config.set(path, value)).map(maskChange),
  });
  operations.register({
    name: 'config.unset',
    summary: 'Take a run-time change back: the file, the environment or the default counts again',
    role: 'admin',
    input: setting,
    cli: { positional: ['path'] },
    handler: async ({ path }) => (await config.unset(path)).map(maskChange),
  });
  operations.register({
    name: 'config.diff',
    summary: 'What a new wcs.yml would change, without changing it; without text, the file as it is on disk',
    role: 'admin',
    input: z.object({ text: z.string().optional() }),
    handler: ({ text }) => {
      const { changes, problems } = config.preview(text);
      return { changes: changes.map(maskChange), problems };
    },
  });
}
