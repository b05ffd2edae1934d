import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { Client } from 'ssh2';
import { checkout } from '../../support/test-kernel.ts';
import { pluginConformance } from '../../support/testing.ts';

/** Runs a command on an open SSH connection. */
function run(client: Client, command: string): Promise<{ readonly output: string; readonly code: number }> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error !== undefined) return reject(error);
      let output = '';
      let code = -1;
      channel.on('data', (chunk: Buffer) => (output += chunk.toString()));
      channel.on('exit', (status: number) => (code = status));
      channel.on('close', () => resolve({ output, code }));
    });
  });
}

pluginConformance(test, {
  name: 'cli',
  entry: join(checkout, 'plugins', 'cli', 'cli.plugin.ts'),
  portCount: 1,
  settings: ([port]) => ({ port }),
  // The encryption state is the SSH library's own: open connections drain with the version that has them.
  keepsSessions: false,
  openSession: async ({ kernel, ports: [port = 0] }) => {
    const client = new Client();
    client.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve).once('error', reject);
      client.connect({ host: '127.0.0.1', port, username: 'admin', password: kernel.password });
    });
    return {
      verify: async () => {
        const { output, code } = await run(client, 'plugin list --json');
        if (code !== 0 || !output.includes('"cli"')) throw new Error(`plugin list ended with ${code}: ${output}`);
      },
      close: async () => {
        const closed = once(client, 'close');
        client.end();
        await closed;
      },
    };
  },
});
