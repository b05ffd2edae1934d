/**
 * A line service: answers every line that a TCP client sends with a greeting and a count. Small, but with all that a
 * plugin usually has: settings, a listener, sessions that go on through a swap, an operation and metrics.
 */
import { definePlugin, type Connection, type Counter, type PluginContext, type PluginInstance, type PluginSession } from 'wcs-core';
import { z } from 'zod';

// The server checks the plugin's section of wcs.yml against this schema and tells line and key of every mistake.
// Give every setting a default, so that the plugin runs without any.
const settingsSchema = z.strictObject({
  port: z.number().int().min(1).max(65_535).default(7007).describe('TCP port.'),
  greeting: z.string().min(1).default('Good day').describe('First words of every answer.'),
});
type Settings = z.output<typeof settingsSchema>;

/** What a session is, as plain data: this is all that the next version of the code gets of it. */
interface LineState {
  readonly answered: number;
  /** Bytes of a line whose end has not come yet. */
  readonly rest: Buffer;
}

/** Whatever a peer sends must have a limit: a longer line ends its session. */
const MAX_LINE_BYTES = 4096;
const LINE_END = 0x0a;

class LineService implements PluginInstance<Settings> {
  readonly #ctx: PluginContext<Settings>;
  readonly #lines: Counter;
  readonly #states = new Map<PluginSession, LineState>();

  constructor(ctx: PluginContext<Settings>) {
    this.#ctx = ctx;
    this.#lines = ctx.metrics.counter({ name: 'hello_lines', group: 'hello_stats', help: 'Lines answered since the server started' });
  }

  // Acquires what the plugin needs. It may fail: then the previous version goes on as if nothing had been asked.
  // Nothing is released by hand, ever: all that came through `ctx` goes when this version retires.
  async prepare(): Promise<void> {
    const { listen, settings, sessions, operations, metrics } = this.#ctx;
    await listen.tcp({ port: settings.port, setting: 'plugins.hello.port' }, (connection) => {
      const peer = { address: connection.remoteAddress, port: connection.remotePort };
      this.#serve(sessions.open({ protocol: 'hello', kind: 'client', peer }), connection, { answered: 0, rest: Buffer.alloc(0) });
    });
    metrics.gauge({ name: 'hello_sessions', group: 'hello_stats', help: 'Open sessions', read: () => this.#states.size });
    operations.register({
      name: 'hello.announce',
      summary: 'Send a line to every client',
      role: 'admin',
      input: z.object({ text: z.string().min(1).max(MAX_LINE_BYTES) }),
      cli: { positional: ['text'] },
      handler: ({ text }) => this.#announce(text),
    });
  }

  // The greeting is read at each answer, so that it can change without a swap; another port needs one.
  reconfigure(next: Settings): 'applied' | 'restart' {
    return next.port === this.#ctx.settings.port ? 'applied' : 'restart';
  }

  // A swap asks the old version for each session's state …
  exportSession(session: PluginSession): LineState | undefined {
    return this.#states.get(session);
  }

  // … and gives it to the new one, in the same instant: the connection stays open and loses no byte.
  importSession(session: PluginSession, state: LineState): void {
    const [connection] = session.connections;
    if (connection === undefined) throw new Error('A session without a connection cannot go on.');
    this.#serve(session, connection, state);
  }

  #serve(session: PluginSession, connection: Connection, state: LineState): void {
    this.#states.set(session, state);
    session.scope.add('line state', () => void this.#states.delete(session));
    session.entry.update({ state: 'ESTABLISHED', bytesIn: () => connection.bytesRead, bytesOut: () => connection.bytesWritten });
    session.onGoodbye = (reason) => connection.end(Buffer.from(`Goodbye: ${reason}\n`));
    session.attach(connection, {
      onData: (chunk) => this.#answer(session, connection, chunk),
      onClose: () => session.close('disconnected'),
    });
  }

  #answer(session: PluginSession, connection: Connection, chunk: Buffer): void {
    const before = this.#states.get(session);
    if (before === undefined) return;
    let { answered, rest } = before;
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
      const line = rest.subarray(0, end).toString('utf8').trimEnd();
      rest = rest.subarray(end + 1);
      connection.write(Buffer.from(`${this.#ctx.settings.greeting}, ${line}! (${++answered})\n`));
      this.#lines.inc();
    }
    this.#states.set(session, { answered, rest });
    if (rest.length > MAX_LINE_BYTES) session.close('line too long');
  }

  #announce(text: string): { readonly clients: number } {
    for (const session of this.#states.keys()) session.connections[0]?.write(Buffer.from(`${text}\n`));
    return { clients: this.#states.size };
  }
}

export default definePlugin({
  manifest: {
    name: 'hello',
    version: '1.0.0',
    // The versions of the plugin API that this code is written for.
    apiVersion: '^1.0.0',
    ports: { lines: 'tcp:7007' },
    // Number of the LineState format: sessions move between two versions of the code that have the same number.
    handoff: 1,
  },
  configSchema: settingsSchema,
  create: (ctx) => new LineService(ctx),
});
