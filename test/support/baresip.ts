import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Kamailio } from './kamailio.ts';
import { PeerProcess } from './peers.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { checkout, freePorts } from './test-kernel.ts';
import { until } from './until.ts';

const peers = join(checkout, 'test', 'support', 'peers', 'sip');

const LISTENERS = [/^(?<name>sip_listen\s+)\S+/gm, /^(?<name>ctrl_tcp_listen\s+)\S+/gm] as const;

/** A phone: `echo` (1002) returns the sound, `tone` (1003) plays 440 Hz, `secure` (1004, 1005) wants SRTP. */
export type BaresipKind = 'echo' | 'tone' | 'secure';

/** Starts baresip, registered at a kamailio; it ends with the test. */
export async function startBaresip(t: ExecutionContext, kind: BaresipKind, pbx: Kamailio): Promise<{ readonly folder: string; log(): string }> {
  const folder = temporaryFolder(t);
  cpSync(join(peers, 'baresip', kind), folder, { recursive: true });
  spawnSync('node', [join(peers, 'make-audio.mjs'), folder]);
  const modules = dirname(/^.*\/g711\.so$/m.exec(spawnSync('dpkg', ['-L', 'baresip-core']).stdout.toString())?.[0] ?? '/usr/lib/baresip/modules/g711.so');
  replaceIn(join(folder, 'config'), '@MODULES@', modules);
  // Several test files have phones of their own at the same time; ports for RTP a phone looks for itself.
  for (const [index, port] of (await freePorts(LISTENERS.length)).entries()) replaceIn(join(folder, 'config'), LISTENERS[index]!, `$<name>127.0.0.1:${port}`);
  replaceIn(join(folder, 'accounts'), '127.0.0.1:25060', `127.0.0.1:${pbx.port}`);
  const peer = new PeerProcess(t, 'sh', ['-c', `cd ${folder} && exec baresip -4 -f ${folder} >log 2>&1`]);
  const log = (): string => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '');
  t.teardown(async () => {
    peer.child.kill('SIGTERM');
    await Promise.race([peer.finished, new Promise((resolve) => setTimeout(resolve, 3000))]);
    peer.kill();
  });
  await until(() => /200 OK/.test(log()), `baresip ${kind} to register`, 60_000);
  return { folder, log };
}

function replaceIn(file: string, what: string | RegExp, by: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(what, by));
}
