import { definePlugin, TOKENS, type Connection, type Metrics, type Operations, type PluginContext, type RootLog, type Users } from 'wcs-core';
import { z } from 'zod';
import { openHostKey } from './server/host-key.ts';
import { liveValuesOf } from './server/live-values.ts';
import { LoginGate } from './server/login-gate.ts';
import { SshConnection, type SshParts } from './server/ssh-connection.ts';
import { registerUserOperations } from './server/user-operations.ts';
import { logTail, sessionCommands, stat, watch } from './session/builtins.ts';
import type { Operator } from './session/command-io.ts';
import { History } from './session/history.ts';
import { Interpreter } from './session/interpreter.ts';

const count = (fallback: number, most: number) => z.number().int().min(1).max(most).default(fallback);

const configSchema = z.object({
  host: z.string().optional().describe('Address to listen on; by default network.host'),
  port: z.number().int().min(0).max(65_535).default(2001).describe('SSH port'),
  maxSessions: count(20, 1000).describe('Users logged in at once'),
  maxLogins: count(20, 1000).describe('Connections that have not logged in yet'),
  loginGraceMs: count(30_000, 600_000).describe('Time to log in'),
  loginAttempts: count(10, 1000).describe('Wrong logins of one address within a minute, beyond which it has to wait'),
  loginBlockMs: count(300_000, 86_400_000).describe('How long it waits'),
});

type Settings = z.output<typeof configSchema>;

/** Kernel services that the command line shows. */
interface Services {
  readonly users: Users;
  readonly operations: Operations;
  readonly metrics: Metrics;
  readonly rootLog: RootLog;
}

const LOGIN_WINDOW_S = 60;

/** The SSH command line of one generation. */
class CommandLine {
  readonly #ctx: PluginContext<Settings>;
  readonly #services: Services;
  readonly #history = new History();
  readonly #loggedIn = new Set<unknown>();

  constructor(ctx: PluginContext<Settings>, services: Services) {
    this.#ctx = ctx;
    this.#services = services;
  }

  async prepare(): Promise<void> {
    const ctx = this.#ctx;
    const { settings } = ctx;
    const hostKey = await openHostKey(ctx.stateFolder());
    const gate = new LoginGate({ attempts: settings.loginAttempts, windowS: LOGIN_WINDOW_S, blockS: settings.loginBlockMs / 1000 });
    ctx.scope.add('login gate', () => gate.close());
    const refused = ctx.metrics.counter({ name: 'cli_logins_refused', group: 'cli_stats', help: 'Refused logins of the command line' });
    ctx.metrics.gauge({ name: 'cli_sessions', group: 'cli_stats', help: 'Users logged in to the command line', read: () => this.#loggedIn.size });
    registerUserOperations(ctx.operations, { users: this.#services.users, onRemoved: (name) => this.#endSessionsOf(name) });
    const parts = this.#partsWith(hostKey.privateKey, gate, () => refused.inc());
    const { host, port } = settings;
    const lease = await ctx.listen.tcp({ port, ...(host === undefined ? {} : { host }) }, (connection) => this.#accept(connection, parts));
    ctx.log.info('Command line over SSH', { port: lease.address.port, hostKey: hostKey.fingerprint });
  }

  #accept(connection: Connection, parts: SshParts): void {
    const waiting = this.#ctx.sessions.all.size - this.#loggedIn.size;
    if (waiting >= this.#ctx.settings.maxLogins) {
      connection.destroy();
      return;
    }
    const peer = { address: connection.remoteAddress, port: connection.remotePort };
    const session = this.#ctx.sessions.open({ protocol: 'ssh', kind: 'client', peer });
    new SshConnection(parts, session, connection);
  }

  #partsWith(hostKey: string, gate: LoginGate, onLoginFailure: () => void): SshParts {
    const { users, operations, metrics, rootLog } = this.#services;
    const { log, settings, plugin } = this.#ctx;
    const builtins = [...sessionCommands(), logTail(rootLog), stat(metrics), watch()];
    const backend = {
      operations: () => operations.list(),
      call: operations.call.bind(operations),
      onFault: (command: string, error: unknown) => log.error('A command failed', { command, error: String(error) }),
    };
    return {
      hostKey,
      users,
      gate,
      history: this.#history,
      loginGraceMs: settings.loginGraceMs,
      greeting: `WCS Core command line (${plugin.generation}). Type help for a list of commands.\n`,
      interpreter: (operator: Operator) => new Interpreter(backend, builtins, operator),
      liveValues: (operator: Operator) => liveValuesOf(operations, operator),
      admit: (session) => {
        if (this.#loggedIn.size >= settings.maxSessions) return false;
        this.#loggedIn.add(session);
        session.scope.add('place', () => void this.#loggedIn.delete(session));
        return true;
      },
      onLoginFailure,
    };
  }

  #endSessionsOf(name: string): void {
    for (const session of [...this.#ctx.sessions.all]) if (session.entry.user === name) session.close('the user was removed');
  }
}

export default definePlugin({
  manifest: { name: 'cli', version: '1.0.0', apiVersion: '^1.0.0', ports: { ssh: 'tcp:2001' } },
  configSchema,
  create: (ctx, container) =>
    new CommandLine(ctx, {
      users: container.resolve<Users>(TOKENS.users),
      operations: container.resolve<Operations>(TOKENS.operations),
      metrics: container.resolve<Metrics>(TOKENS.metrics),
      rootLog: container.resolve<RootLog>(TOKENS.rootLog),
    }),
});
