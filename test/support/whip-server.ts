import type { ExecutionContext } from 'ava';
import { freePorts, startTestKernel, type TestKernel } from './test-kernel.ts';

/** A kernel with WebRTC and the HTTP server that WHIP and WHEP stand on. */
export interface WhipServer extends TestKernel {
  /** Address of the WHIP endpoint of a stream. */
  whip(name: string): string;
  whep(name: string): string;
  readonly httpPort: number;
  readonly mediaPort: number;
}

/** Starts the server for one test; further plugins by their settings. */
export async function startWhipServer(t: ExecutionContext, settings: { readonly root?: string; readonly webrtc?: object; readonly plugins?: Readonly<Record<string, Readonly<Record<string, unknown>>>>; readonly config?: Readonly<Record<string, unknown>> } = {}): Promise<WhipServer> {
  const [httpPort = 0, mediaPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({
    plugins: { http: { port: httpPort, tlsPort: 'off' }, webrtc: { port: mediaPort, ...settings.webrtc }, ...settings.plugins },
    ...(settings.root === undefined ? {} : { root: settings.root }),
    ...(settings.config === undefined ? {} : { config: settings.config }),
  });
  t.teardown(() => kernel.stop());
  const url = (protocol: string) => (name: string) => `http://127.0.0.1:${httpPort}/${protocol}/${name}`;
  return { ...kernel, httpPort, mediaPort, whip: url('whip'), whep: url('whep') };
}
