import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../test-kernel.ts';
import { until } from '../until.ts';
import type { ExternalServer } from './external-server.ts';

/** Entry file of the test application. */
export const sipAppEntry = join(checkout, 'test', 'support', 'sip', 'sipapp', 'sipapp.plugin.ts');

/** The test application in a kernel of its own. */
export interface SipAppServer {
  readonly kernel: TestKernel;
  readonly port: number;
  call<T>(verb: string, input?: unknown): Promise<T>;
  events(): Promise<string[]>;
  state(): Promise<{ dialogs: string[]; transactions: number; connections: number; received: number; malformed: number; dropped: number }>;
}

/** Starts it without an engine of its own, on a server elsewhere whose SIP port it answers at. */
export async function startSipAppOn(t: ExecutionContext, external: ExternalServer, path = dirname(sipAppEntry)): Promise<SipAppServer> {
  const app = await startSipApp(t, { drachtio: { hosts: [external.host] } }, path);
  await until(async () => (await app.state()).connections === 1, 'the connection with the SIP server');
  return { ...app, port: external.port };
}

/** Starts it, with the engine's settings; it stops with the test. */
export async function startSipApp(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}, path = dirname(sipAppEntry)): Promise<SipAppServer> {
  const [port = 0] = await freePorts(1);
  const kernel = await startTestKernel({ plugins: { sipapp: { port, drainMs: 1000, ...settings, path } } });
  t.teardown(() => kernel.stop());
  const slot = kernel.kernel.host.slot('sipapp');
  if (slot.state !== 'active') throw new Error(slot.error?.message ?? slot.state);
  return {
    kernel,
    port,
    call: async <T>(verb: string, input: unknown = {}) => (await kernel.call(`sipapp.${verb}`, input)) as T,
    events: async () => (await kernel.call('sipapp.events', {})) as string[],
    state: async () => (await kernel.call('sipapp.state', {})) as Awaited<ReturnType<SipAppServer['state']>>,
  };
}
