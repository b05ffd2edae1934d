import { Agent, request } from 'node:http';
import { join } from 'node:path';
import test from 'ava';
import { checkout } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';

/** Status of `/health` over a kept-alive connection, with the number of connections that the agent has made. */
function health(agent: Agent, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, host: '127.0.0.1', port, path: '/health' }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end();
  });
}

pluginConformance(test, {
  name: 'http',
  entry: join(checkout, 'plugins', 'http', 'http.plugin.ts'),
  portCount: 2,
  settings: ([port, tlsPort]) => ({ port, tlsPort }),
  keepsSessions: true,
  openSession: ({ ports: [port = 0] }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let connections = 0;
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (...parameters) => {
      connections++;
      return create(...parameters);
    };
    return Promise.resolve({
      verify: async () => {
        const status = await health(agent, port);
        if (status !== 200) throw new Error(`/health answered ${status}`);
        if (connections !== 1) throw new Error(`The kept-alive connection was lost: ${connections} were made`);
      },
      close: () => agent.destroy(),
    });
  },
});
