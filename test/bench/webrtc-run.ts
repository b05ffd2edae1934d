import { freePorts } from '../support/test-kernel.ts';
import { Inspector } from './inspector.ts';
import { WebRtcLoad } from './load/webrtc-load.ts';
import { withServer } from './server-folder.ts';
import type { ServerProcess } from './server-process.ts';

export const STREAM = 'bench';
/** Until code is compiled and buffers have their size. */
const WARM_UP_MS = 5000;

/** A server with its load. */
export interface WebRtcRun {
  readonly server: ServerProcess;
  readonly load: WebRtcLoad;
  /** Connects to the server's inspector, which costs the server something from then on. */
  readonly inspect: () => Promise<Inspector>;
  readonly whip: (name: string) => string;
  readonly whep: (name: string) => string;
  /** Value of one of the server's own figures. */
  readonly metric: (name: string) => Promise<number>;
}

/** Starts a server with one RTP engine and a load, and stops both after `work`. */
export async function withWebRtc<T>(rtpEngine: 'pure' | 'ffi', work: (run: WebRtcRun) => Promise<T>): Promise<T> {
  const [http = 0, httpTls = 0, media = 0, inspect = 0] = await freePorts(4);
  const plugins = { http: { port: http, tlsPort: httpTls }, webrtc: { port: media } };
  const start = async (server: ServerProcess): Promise<T> => {
    const load = await WebRtcLoad.start();
    let inspector: Promise<Inspector> | undefined;
    const base = `http://127.0.0.1:${http}`;
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${base}/?action=stat`)).text();
      return Number(new RegExp(`^${name}=([\\d.]+)`, 'm').exec(text)?.[1] ?? Number.NaN);
    };
    try {
      return await work({ server, load, inspect: () => (inspector ??= Inspector.connect(inspect)), whip: (name) => `${base}/whip/${name}`, whep: (name) => `${base}/whep/${name}`, metric });
    } finally {
      load.stop();
      (await inspector)?.close();
    }
  };
  return withServer(plugins, http, start, { network: { rtpEngine }, nodeOptions: [`--inspect=127.0.0.1:${inspect}`] });
}

/** Publishes one stream; throws when that fails, because nothing can be measured then. */
export async function publishOne({ load, whip }: WebRtcRun): Promise<void> {
  const { published, failures } = await load.run({ type: 'publish', urls: [whip(STREAM)] });
  if (published !== 1) throw new Error(`Not published: ${failures.join('; ')}`);
}

/** Waits for a time in which nothing is measured. */
export function settle(ms = WARM_UP_MS): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
