import ssh2, { type Connection as SshPeer, type PseudoTtyInfo, type ServerChannel, type Session as SshSession, type WindowChangeInfo } from 'ssh2';
import type { Connection, PluginSession, User, Users } from 'wcs-core';
import { EXIT, type Operator } from '../session/command-io.ts';
import { complete, type LiveValues } from '../session/completion.ts';
import type { History } from '../session/history.ts';
import type { Interpreter } from '../session/interpreter.ts';
import { Authentication } from './authentication.ts';
import { ChannelOutput } from './channel-output.ts';
import type { LoginGate } from './login-gate.ts';
import { runScript } from './script-shell.ts';
import { TerminalShell, type TerminalSize } from './terminal-shell.ts';

/** Shells and commands at once on one connection. */
const MAX_CHANNELS = 10;
/** Sizes that a terminal may claim. */
const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 };
const MAX_COLUMNS = 1_000;

/** Current algorithms only. Compression is off: it lets a few bytes of a peer become many here. */
const ALGORITHMS: ssh2.Algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521', 'diffie-hellman-group16-sha512'],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
};

/** What all SSH connections of a generation share. */
export interface SshParts {
  readonly hostKey: string;
  readonly users: Pick<Users, 'verify' | 'list'>;
  readonly gate: LoginGate;
  readonly history: History;
  readonly loginGraceMs: number;
  readonly greeting: string;
  interpreter(operator: Operator): Interpreter;
  liveValues(operator: Operator): LiveValues;
  /** False when no more users may come in. */
  admit(session: PluginSession): boolean;
  onLoginFailure(): void;
}

/** One SSH connection: login, then shells and commands. Ends with its session. */
export class SshConnection {
  readonly #parts: SshParts;
  readonly #session: PluginSession;
  readonly #connection: Connection;
  readonly #channels = new Set<ChannelOutput>();
  #peer: SshPeer | undefined;
  #stopGrace: () => void;

  constructor(parts: SshParts, session: PluginSession, connection: Connection) {
    this.#parts = parts;
    this.#session = session;
    this.#connection = connection;
    session.attach(connection, { onData: () => undefined, onClose: () => session.close('disconnected') });
    session.onGoodbye = (reason) => this.#sayGoodbye(reason);
    session.entry.update({ state: 'CONNECTED', role: 'control', bytesIn: () => connection.bytesRead, bytesOut: () => connection.bytesWritten });
    this.#stopGrace = session.timers.after(parts.loginGraceMs, () => session.close('login took too long'));
    const server = new ssh2.Server({ hostKeys: [parts.hostKey], algorithms: ALGORITHMS, ident: 'WCS' }, (peer, { header }) => this.#greet(peer, header.versions.software));
    const socket = connection.takeSocket();
    // The listener keeps half-open connections; a peer that has ended its side has nothing more to ask.
    socket.once('end', () => connection.end());
    // Makes the connection's protocol state; a server per connection says which connection a peer belongs to.
    server.injectSocket(socket);
  }

  #greet(peer: SshPeer, software: string): void {
    this.#peer = peer;
    this.#session.entry.update({ userAgent: software.slice(0, 100) });
    peer.on('error', (error) => this.#session.log.debug(`SSH: ${error.message}`));
    const authentication = new Authentication({
      users: this.#parts.users,
      gate: this.#parts.gate,
      address: this.#connection.remoteAddress,
      log: this.#session.log,
      admit: (user) => this.#admit(peer, user),
      onFailure: () => this.#parts.onLoginFailure(),
      onRefused: (reason) => this.#session.close(reason),
    });
    peer.on('authentication', (request) => {
      if (!this.#session.closed) this.#session.background(authentication.judge(request));
    });
  }

  #admit(peer: SshPeer, user: User): boolean {
    // The verdict may come after the peer has gone.
    if (this.#session.closed || !this.#parts.admit(this.#session)) return false;
    this.#stopGrace();
    this.#session.entry.update({ state: 'ESTABLISHED', user: user.name });
    this.#session.log.info('Logged in', { user: user.name, address: this.#connection.remoteAddress });
    const operator: Operator = {
      name: user.name,
      address: this.#connection.remoteAddress,
      role: () => this.#parts.users.list().find((known) => known.name === user.name)?.role,
    };
    peer.on('session', (accept, reject) => {
      if (this.#channels.size >= MAX_CHANNELS || this.#session.closed) reject();
      else this.#serve(accept(), operator);
    });
    return true;
  }

  /** A channel asks for a terminal or not, then for a shell or a command. @see RFC 4254 section 6 */
  #serve(request: SshSession, operator: Operator): void {
    const stop = new AbortController();
    let size: TerminalSize | undefined;
    let shell: TerminalShell | undefined;
    const start = (channel: ServerChannel | undefined, command?: string): void => {
      const taken = channel === undefined ? undefined : this.#open(channel, size !== undefined, stop);
      if (channel === undefined || taken === undefined) return;
      const common = { channel, output: taken, interpreter: this.#parts.interpreter(operator), timers: this.#session.timers, signal: stop.signal };
      if (size === undefined || command !== undefined) {
        this.#run(taken, runScript({ ...common, columns: size?.columns }, command));
        return;
      }
      const { history, greeting } = this.#parts;
      const finish = (line: string): ReturnType<typeof complete> => complete(line, common.interpreter.commands(), this.#parts.liveValues(operator));
      shell = new TerminalShell({ ...common, history, greeting, user: operator.name, size, complete: finish });
      this.#run(taken, shell.run());
    };
    request.on('pty', (accept, _reject, info: PseudoTtyInfo) => {
      size = sizeOf(info);
      answer(accept);
    });
    request.on('window-change', (accept, _reject, info: WindowChangeInfo) => {
      size = sizeOf(info);
      shell?.resize(size);
      answer(accept);
    });
    request.on('signal', (accept, _reject, { name }: { name: string }) => {
      if (shell !== undefined && name === 'INT') shell.interrupt();
      else if (/^(?:INT|TERM|HUP|QUIT|KILL)$/.test(name)) stop.abort();
      answer(accept);
    });
    request.on('shell', (accept) => start(accept()));
    request.on('exec', (accept, _reject, { command }) => start(accept(), command));
    request.on('close', () => stop.abort());
  }

  #open(channel: ServerChannel, terminal: boolean, stop: AbortController): ChannelOutput | undefined {
    // A packet size of 0 would keep the library's loop over the packets of a write from ever ending.
    if (packetSizeOf(channel) < 1) {
      this.#session.close('channel with an impossible packet size');
      return undefined;
    }
    const output = new ChannelOutput(channel, this.#connection, terminal);
    this.#channels.add(output);
    const held = this.#session.scope.add('channel', () => stop.abort());
    channel.on('close', () => stop.abort());
    stop.signal.addEventListener('abort', () => {
      this.#channels.delete(output);
      held.detach();
    });
    return output;
  }

  #run(output: ChannelOutput, work: Promise<number>): void {
    this.#session.background(
      work.then((exitCode) => {
        output.finish(exitCode);
        this.#channels.delete(output);
      }),
    );
  }

  #sayGoodbye(reason: string): void {
    // The channels end rather than the connection: at a disconnect message clients drop what they have not shown yet.
    for (const output of this.#channels) {
      output.err(`\n${sentenceFor(reason)}\n`);
      output.finish(EXIT.failed);
    }
    if (this.#channels.size === 0) this.#peer?.end();
  }
}

/** The reason in the words of the command line; `plugin reloaded` is the host's word for a swap. */
function sentenceFor(reason: string): string {
  if (reason === 'plugin reloaded') return 'The command line is being reloaded; please reconnect.';
  return `The session ends: ${reason}.`;
}

function answer(accept: (() => void) | undefined): void {
  // The library gives no answer function when the peer wants no answer.
  accept?.();
}

function sizeOf({ cols, rows }: { readonly cols: number; readonly rows: number }): TerminalSize {
  return {
    columns: cols >= 1 ? Math.min(cols, MAX_COLUMNS) : DEFAULT_SIZE.columns,
    rows: rows >= 1 ? Math.min(rows, MAX_COLUMNS) : DEFAULT_SIZE.rows,
  };
}

function packetSizeOf({ outgoing }: ServerChannel): number {
  const known = typeof outgoing === 'object' && outgoing !== null && 'packetSize' in outgoing;
  return known && typeof outgoing.packetSize === 'number' ? outgoing.packetSize : 0;
}
