/**
 * Plain JavaScript as an npm package: sends the time to each TCP client, again and again. A client that sends the name
 * of a time zone gets its time from then on, through every swap of this code.
 */
import { definePlugin } from 'wcs-core';
import { z } from 'zod';

// Checked against the plugin's section of wcs.yml; a default for everything.
const configSchema = z.strictObject({
  port: z.number().int().min(1).max(65_535).default(7013).describe('TCP port.'),
  periodMs: z.number().int().min(10).default(1000).describe('Time between two lines.'),
});

/** Whatever a peer sends must have a limit; no time zone has a longer name. */
const MAX_ZONE_CHARS = 64;

/**
 * Builds the plugin. All state lives in here, none at the level of the module: during a swap two versions of this file
 * are in memory, and the old one must be forgotten afterwards.
 *
 * @param {import('wcs-core').PluginContext<{ port: number, periodMs: number }>} ctx the one source of sockets, timers and everything else
 * @returns {import('wcs-core').PluginInstance<{ port: number, periodMs: number }>}
 */
function create(ctx) {
  /** The time zone of each session. */
  const zones = new Map();
  const lines = ctx.metrics.counter({ name: 'clock_lines', group: 'clock_stats', help: 'Lines sent since the server started' });

  function serve(session, connection, zone) {
    zones.set(session, zone);
    session.scope.add('time zone', () => zones.delete(session));
    session.entry.update({ state: 'ESTABLISHED', info: { zone } });
    session.attach(connection, {
      onData: (chunk) => setZone(session, connection, chunk.toString('utf8').trim()),
      onClose: () => session.close('disconnected'),
    });
    // A timer of the session ends with the session; there is nothing to clear.
    session.timers.every(ctx.settings.periodMs, () => {
      connection.write(Buffer.from(`${timeIn(zones.get(session))} ${zones.get(session)}\n`));
      lines.inc();
    });
  }

  function setZone(session, connection, zone) {
    if (zone.length > MAX_ZONE_CHARS || !isZone(zone)) {
      connection.write(Buffer.from('There is no such time zone.\n'));
      return;
    }
    zones.set(session, zone);
    session.entry.update({ info: { zone } });
  }

  return {
    // Acquires what is needed; nothing serves before the server says so.
    async prepare() {
      await ctx.listen.tcp({ port: ctx.settings.port, setting: 'plugins.clock.port' }, (connection) => {
        const peer = { address: connection.remoteAddress, port: connection.remotePort };
        serve(ctx.sessions.open({ protocol: 'clock', kind: 'client', peer }), connection, 'UTC');
      });
      ctx.operations.register({
        name: 'clock.time',
        summary: 'The time in a time zone',
        role: 'viewer',
        input: z.object({ zone: z.string().max(MAX_ZONE_CHARS).refine(isZone, 'a time zone such as Europe/Berlin').default('UTC') }),
        cli: { positional: ['zone'] },
        handler: ({ zone }) => timeIn(zone),
      });
    },
    // Hand-over: the old version tells a session's state as plain data, the new one goes on from it.
    exportSession: (session) => ({ zone: zones.get(session) }),
    importSession: (session, data) => serve(session, session.connections[0], data.zone),
  };
}

function timeIn(zone) {
  return new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeStyle: 'medium' }).format(new Date());
}

function isZone(text) {
  try {
    return timeIn(text) !== '';
  } catch {
    return false;
  }
}

export default definePlugin({
  manifest: { name: 'clock', version: '1.0.0', apiVersion: '^1.0.0', ports: { time: 'tcp:7013' }, handoff: 1 },
  configSchema,
  create,
});
