import type { Log } from '../log/log.ts';

/** What the network rooms need of a log. */
export type NetLog = Pick<Log, 'info' | 'warn'>;
