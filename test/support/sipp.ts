import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { PeerProcess, type Finished } from './peers.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { checkout, freePorts } from './test-kernel.ts';
import { until } from './until.ts';

const scenarios = join(checkout, 'test', 'support', 'peers', 'sip', 'sipp');

/** How SIPp runs a scenario. */
export interface SippOptions {
  readonly scenario: string;
  /** Whom a caller calls: `127.0.0.1:PORT`; a callee has none. */
  readonly target?: string;
  /** Called user. */
  readonly service?: string;
  readonly transport?: 'udp' | 'tcp';
  readonly port?: number;
  readonly calls?: number;
  readonly holdMs?: number;
  /** Changes the scenario. */
  readonly edit?: (scenario: string) => string;
  readonly more?: readonly string[];
}

/** A SIPp at work; `finished` has status 0 when every call passed. */
export async function startSipp(t: ExecutionContext, options: SippOptions): Promise<{ readonly port: number; readonly finished: Promise<Finished> }> {
  const { scenario, target, service = 'echo', transport = 'udp', calls = 1, holdMs = 200, edit, more = [] } = options;
  const [freePort = 0, mediaPort = 0] = await freePorts(2);
  const port = options.port ?? freePort;
  const folder = temporaryFolder(t);
  const [file, errors] = [join(folder, `${scenario}.xml`), join(folder, 'errors')];
  const text = readFileSync(join(scenarios, `${scenario}.xml`), 'utf8');
  writeFileSync(file, edit === undefined ? text : edit(text));
  const args = [
    ...(target === undefined ? [] : [target, '-s', service]),
    ...['-sf', file, '-i', '127.0.0.1', '-p', String(port), '-mi', '127.0.0.1', '-mp', String(mediaPort), '-m', String(calls), '-d', String(holdMs)],
    ...['-t', transport === 'tcp' ? 't1' : 'u1', '-nostdin', '-watchdog_interval', '0', '-trace_err', '-error_file', errors, ...more],
  ];
  const peer = new PeerProcess(t, 'sipp', args);
  // It can't write them to a pipe.
  const finished = peer.finished.then((result) => ({ ...result, stderr: result.stderr + (existsSync(errors) ? readFileSync(errors, 'utf8') : '') }));
  if (target === undefined) await until(() => isTaken(transport, port), 'SIPp to listen', 60_000);
  return { port, finished };
}

/** Whether somebody has a port of 127.0.0.1; trying to bind it could keep SIPp from it. */
function isTaken(transport: 'udp' | 'tcp', port: number): boolean {
  return readFileSync(`/proc/net/${transport}`, 'utf8').includes(`0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} `);
}

/** Runs SIPp to its end and has every call pass. */
export async function sippPasses(t: ExecutionContext, options: SippOptions): Promise<void> {
  const { finished } = await startSipp(t, options);
  const { status, stderr, stdout } = await finished;
  t.is(status, 0, `${options.scenario}: ${stderr.slice(-1500)} ${stdout.slice(-300)}`);
}
