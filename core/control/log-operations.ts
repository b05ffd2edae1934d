import { z } from 'zod';
import type { RootLog } from '../log/log.ts';
import { looseNumber } from '../operations/loose.ts';
import type { Operations } from '../operations/operations.ts';

const level = z.enum(['trace', 'debug', 'info', 'warn', 'error']);

/** `log.*`: how much is logged, and the last lines. */
export function registerLogOperations(operations: Operations, log: RootLog): void {
  operations.register({
    name: 'log.level',
    summary: 'Show the log levels, or set one for all or for one component',
    role: 'admin',
    input: z.object({ level: level.optional(), component: z.string().optional().describe('e.g. media, or the name of a plugin') }),
    cli: { positional: ['level', 'component'] },
    handler: (input) => {
      if (input.level !== undefined) log.setLevel(input.level, input.component);
      return log.levels();
    },
  });
  operations.register({
    name: 'log.recent',
    summary: 'The last lines of the log',
    role: 'admin',
    input: z.object({ lines: looseNumber().default(100) }),
    cli: { positional: ['lines'] },
    handler: ({ lines }) => log.recent(lines),
  });
}
