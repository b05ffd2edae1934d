import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { RawSipClient, rawCall } from './sip/raw-client.ts';
import { PeerProcess } from './peers.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { checkout, freePorts } from './test-kernel.ts';
import { until } from './until.ts';

/** Switches of the configuration. */
export type KamailioSwitch = 'WITH_SHA256' | 'WITH_EDGE' | 'WITH_NOAUTH';

/** A registrar and proxy for `pbx.test`; users 1001 to 1005 have the password `secret-NUMBER`. */
export interface Kamailio {
  readonly port: number;
  readonly folder: string;
}

/** Starts kamailio on a free port, over UDP and TCP; it ends with the test. */
export async function startKamailio(t: ExecutionContext, ...switches: KamailioSwitch[]): Promise<Kamailio> {
  const folder = temporaryFolder(t);
  cpSync(join(checkout, 'test', 'support', 'peers', 'sip', 'kamailio'), folder, { recursive: true });
  mkdirSync(join(folder, 'run'));
  const [port = 0] = await freePorts(1);
  const defines = [`DB_URL="text://${folder}/dbtext"`, `SIP_PORT=${port}`, ...switches].flatMap((define) => ['-A', define]);
  const run = join(folder, 'run');
  const peer = new PeerProcess(t, 'kamailio', ['-f', join(folder, 'kamailio.cfg'), ...defines, '-m', '32', '-M', '8', '-DD', '-E', '-Y', run, '-w', run]);
  t.teardown(async () => {
    // Its workers end with it, by its own hand.
    peer.child.kill('SIGTERM');
    await peer.finished;
  });
  await until(() => answers(port), `kamailio to answer: ${peer.stderr.slice(-500)}`, 60_000);
  return { port, folder };
}

/** What is sent before it listens is lost, and not answered later. */
const ASK_MS = 1000;

async function answers(port: number): Promise<boolean> {
  const client = new RawSipClient(port, 'udp');
  try {
    return (await client.request('OPTIONS', rawCall(`sip:127.0.0.1:${port}`), '', ASK_MS)).status === 200;
  } catch {
    return false;
  } finally {
    client.close();
  }
}
