import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

/** True when the OpenSSH client and sshpass are installed. */
export const hasOpenSsh = ['ssh', 'sshpass', 'ssh-keygen'].every((command) => spawnSync('which', [command]).status === 0);

const OPTIONS = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'ConnectTimeout=10', 'IdentityAgent=none'];

/** How to log in. */
export interface Login {
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  /** File of a private key. */
  readonly identity?: string;
  /** Further arguments of ssh, e.g. `-tt`. */
  readonly options?: readonly string[];
}

/** A running OpenSSH client. */
export class SshClient {
  readonly child: ChildProcess;
  out = '';
  err = '';
  /** Exit code of the client; that of the remote command when there was one. */
  readonly done: Promise<number>;

  constructor(login: Login, command: readonly string[] = []) {
    const methods = login.identity === undefined
      ? ['-o', 'PreferredAuthentications=password', '-o', 'NumberOfPasswordPrompts=1']
      : ['-i', login.identity, '-o', 'IdentitiesOnly=yes', '-o', 'PreferredAuthentications=publickey'];
    const options = OPTIONS.flatMap((option) => ['-o', option]);
    const ssh = ['ssh', '-F', 'none', ...options, ...methods, ...(login.options ?? []), '-p', String(login.port), `${login.user}@127.0.0.1`, ...command];
    const [program = '', ...parameters] = login.password === undefined ? ssh : ['sshpass', '-e', ...ssh];
    this.child = spawn(program, parameters, { env: { ...process.env, SSHPASS: login.password, TERM: 'xterm' } });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.out += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
    this.done = new Promise((resolve) => this.child.on('close', (code) => resolve(code ?? -1)));
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  end(): void {
    this.child.stdin?.end();
  }

  /** Waits until the output since `from` holds the text; gives the position behind it. */
  async shown(text: string | RegExp, from = 0): Promise<number> {
    const found = (): number => {
      const rest = this.out.slice(from);
      const at = typeof text === 'string' ? rest.indexOf(text) : rest.search(text);
      return at === -1 ? 0 : from + at + (typeof text === 'string' ? text.length : 1);
    };
    return until(found, `${String(text)} in ${JSON.stringify(this.out.slice(from))} ${this.err}`);
  }
}

/** Runs one command to its end. */
export async function sshRun(login: Login, command: readonly string[], input?: string): Promise<{ code: number; out: string; err: string }> {
  const client = new SshClient(login, command);
  if (input !== undefined) client.type(input);
  client.end();
  const code = await client.done;
  return { code, out: client.out, err: client.err };
}

/** A fresh key pair in a folder of its own. */
export function makeKey(type: string): { readonly identity: string; readonly publicKey: string } {
  const folder = temporaryFolder();
  const identity = join(folder, 'key');
  const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'test key', '-f', identity]);
  if (status !== 0) throw new Error(stderr.toString());
  return { identity, publicKey: readFileSync(`${identity}.pub`, 'utf8').trim() };
}
