import type { ExecutionContext } from 'ava';
import { freePorts, startTestKernel, type TestKernel } from './test-kernel.ts';
import { until } from './until.ts';

/** Settings of a plugin. */
type Settings = Readonly<Record<string, unknown>>;

/** A server with everything that browsers talk to, in this process, on loopback. */
export interface BrowserServer {
  readonly kernel: TestKernel;
  readonly ports: { readonly http: number; readonly websocket: number; readonly media: number; readonly rtmp: number };
  whip(name: string): string;
  whep(name: string): string;
  /** Address for the Web SDK. */
  readonly webSocketUrl: string;
  /** Waits until a stream is live with picture and sound. */
  streamIsLive(name: string): Promise<void>;
}

/** Settings of the server's plugins and network. */
export interface BrowserServerOptions {
  readonly webrtc?: Settings;
  readonly websocket?: Settings;
  readonly network?: Settings;
  readonly plugins?: Readonly<Record<string, Settings>>;
}

/** Starts a server that is stopped when the test ends. */
export async function startBrowserServer(t: ExecutionContext, options: BrowserServerOptions = {}): Promise<BrowserServer> {
  const server = await openBrowserServer(options);
  t.teardown(async () => {
    await server.kernel.stop();
    if (!t.passed) t.log(server.kernel.logLines.slice(-40).join(''));
  });
  return server;
}

/** Starts a server for all tests of a file, which stop its kernel. */
export async function openBrowserServer(options: BrowserServerOptions = {}): Promise<BrowserServer> {
  const [http = 0, httpTls = 0, websocket = 0, webSocketTls = 0, media = 0, rtmp = 0] = await freePorts(6);
  const kernel = await startTestKernel({
    config: { network: { host: '127.0.0.1', ...options.network } },
    plugins: {
      http: { port: http, tlsPort: httpTls },
      websocket: { port: websocket, tlsPort: webSocketTls, ...options.websocket },
      webrtc: { port: media, ...options.webrtc },
      rtmp: { port: rtmp },
      ...options.plugins,
    },
  });
  const base = `http://127.0.0.1:${http}`;
  return {
    kernel,
    ports: { http, websocket, media, rtmp },
    whip: (name) => `${base}/whip/${name}`,
    whep: (name) => `${base}/whep/${name}`,
    webSocketUrl: `ws://127.0.0.1:${websocket}`,
    streamIsLive: async (name) => {
      await until(
        async () => {
          const streams = (await kernel.call('stream.find', { name }).catch(() => [])) as { readonly status: string; readonly hasVideo: boolean; readonly hasAudio: boolean }[];
          return streams[0]?.status === 'PUBLISHING' && streams[0].hasVideo && streams[0].hasAudio;
        },
        `stream ${name}`,
        15_000,
      );
    },
  };
}
