import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { mediaFolder } from './media-folder.ts';
import { PeerProcess } from './peers.ts';
import { removeFolder, temporaryFolder } from './temporary-folder.ts';
import { checkout, freePorts, pluginNames } from './test-kernel.ts';
import { until } from './until.ts';

/** Plugins with ports, and where a test wants them. */
export interface ServerPorts {
  readonly rtmp: number;
  readonly rtsp: number;
  readonly hls: number;
  readonly hlsTls: number;
  readonly http: number;
  readonly httpTls: number;
  readonly ssh: number;
  readonly webSocket: number;
  readonly webSocketTls: number;
  /** WebRTC, UDP and TCP. */
  readonly media: number;
  /** SIP, UDP and TCP. */
  readonly sip: number;
}

/** Sections of wcs.yml. */
export type Settings = Readonly<Record<string, unknown>>;

/** How a server is started. */
export interface ServerOptions {
  /** Settings added to the plugins' ports; a plugin's section is merged with its ports. */
  readonly plugins?: Readonly<Record<string, Settings>>;
  /** Of the plugins of the checkout those that are on, which makes the start shorter; by default all. */
  readonly only?: readonly string[];
  /** Further sections of wcs.yml. */
  readonly config?: Settings;
  /** Text of wcs.yml instead of all that. */
  readonly text?: string;
  /** False leaves the administrator's password to the server. */
  readonly knownPassword?: boolean;
  /** State folder of an earlier server; by default a new one. */
  readonly stateDir?: string;
  /** The system refuses it any byte of a file beyond this. */
  readonly fileMaxBytes?: number;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Health as `/health` tells it. */
export interface HealthAnswer {
  readonly httpStatus: number;
  readonly status: string;
  readonly plugins: readonly { readonly name: string; readonly state: string; readonly generation?: string; readonly error?: string }[];
}

/** A row of `stream.find`. */
export interface StreamRow {
  readonly status: 'PUBLISHING' | 'PENDING' | 'UNPUBLISHED';
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  readonly viewers: number;
}

const PASSWORD = 'test-password';
const ULIMIT_BLOCK_BYTES = 512;
/** Building kernel and plugins on a busy machine takes its time. */
const START_TIMEOUT_MS = 60_000;

/** The server as its users run it: `wcs-core start` in a process of its own, on free ports of loopback. */
export class WcsServer {
  readonly child: ChildProcess;
  readonly ports: ServerPorts;
  readonly folder: string;
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';

  private constructor(folder: string, ports: ServerPorts, options: ServerOptions) {
    this.folder = folder;
    this.ports = ports;
    this.writeConfig(options.text ?? configText(ports, options));
    const { fileMaxBytes } = options;
    const limit = fileMaxBytes === undefined ? '' : `ulimit -f ${Math.floor(fileMaxBytes / ULIMIT_BLOCK_BYTES)}; `;
    const args = ['core/bin/wcs-core.mjs', 'start', '--config', this.configFile, '--state', options.stateDir ?? join(folder, 'state')];
    this.child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...args], {
      cwd: checkout,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, WCS_ADMIN_PASSWORD: options.knownPassword === false ? undefined : PASSWORD },
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exited = new Promise((resolve) => this.child.once('close', (code, signal) => resolve({ code, signal })));
  }

  /** Starts the process and waits for nothing. */
  static async launch(t: ExecutionContext, options: ServerOptions = {}): Promise<WcsServer> {
    const server = await WcsServer.spawn(options);
    t.teardown(async () => {
      await server.close();
      if (!t.passed) t.log(server.stdout.slice(-6000), server.stderr.slice(-2000));
    });
    return server;
  }

  /** Starts the process for several tests of a file, which close it, and waits for nothing. */
  static async spawn(options: ServerOptions = {}): Promise<WcsServer> {
    const [rtmp = 0, hls = 0, hlsTls = 0, http = 0, httpTls = 0, ssh = 0, webSocket = 0, webSocketTls = 0, media = 0, sip = 0, rtsp = 0] = await freePorts(11);
    const ports = { rtmp, hls, hlsTls, http, httpTls, ssh, webSocket, webSocketTls, media, sip, rtsp };
    return new WcsServer(temporaryFolder(), ports, options);
  }

  /** Starts the server and waits until it says that it runs. */
  static async start(t: ExecutionContext, options: ServerOptions = {}): Promise<WcsServer> {
    const server = await WcsServer.launch(t, options);
    await server.running();
    return server;
  }

  /** Starts a server for all tests of a file, which close it. */
  static async open(options: ServerOptions = {}): Promise<WcsServer> {
    const server = await WcsServer.spawn(options);
    await server.running();
    return server;
  }

  /** Ends the process as a power cut would, and removes its folder. */
  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
    removeFolder(this.folder);
  }

  get configFile(): string {
    return join(this.folder, 'wcs.yml');
  }

  get rtmpUrl(): string {
    return `rtmp://127.0.0.1:${this.ports.rtmp}/live`;
  }

  /** Lines meant for the person who started the server. */
  get printed(): string[] {
    return this.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  }

  /** Log lines so far. */
  get log(): Readonly<Record<string, unknown>>[] {
    const whole = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1);
    return whole.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async running(): Promise<void> {
    await until(() => {
      if (this.child.exitCode !== null) throw new Error(`The server ended with ${this.child.exitCode}: ${this.stderr}`);
      return /is running\. State: .*\n/.test(this.stdout);
    }, 'the server to run', START_TIMEOUT_MS);
  }

  /** The one that the server printed (a line after it says that it runs), else the one it was given. */
  get password(): string {
    return /Admin password \(shown this once\): (\S+)\n/.exec(this.stdout)?.[1] ?? PASSWORD;
  }

  writeConfig(text: string): void {
    writeFileSync(this.configFile, text);
  }

  /** Calls an operation over REST as administrator. */
  async call(name: string, input: Settings = {}): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`http://127.0.0.1:${this.ports.http}/rest-api/${name.replaceAll('.', '/')}`, {
      method: 'POST',
      headers: { Authorization: `Basic ${Buffer.from(`admin:${this.password}`).toString('base64')}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(input),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** `/health`; undefined while nobody answers. */
  async health(): Promise<HealthAnswer | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.ports.http}/health`, { headers: { Connection: 'close' } });
      return { httpStatus: response.status, ...((await response.json()) as Omit<HealthAnswer, 'httpStatus'>) };
    } catch {
      return undefined;
    }
  }

  /** Health of one plugin as it is now. */
  async pluginHealth(name: string): Promise<HealthAnswer['plugins'][number] | undefined> {
    return (await this.health())?.plugins.find((plugin) => plugin.name === name);
  }

  /** A stream as the operation tells it; undefined when there is none. */
  async stream(name: string): Promise<StreamRow | undefined> {
    const { status, body } = await this.call('stream.find', { name });
    return status === 200 ? (body as StreamRow[])[0] : undefined;
  }

  /** Waits until a stream is live with picture and sound. */
  async streamIsLive(name: string): Promise<void> {
    await until(async () => {
      const stream = await this.stream(name);
      return stream?.status === 'PUBLISHING' && stream.hasVideo && stream.hasAudio;
    }, `stream ${name}`);
  }
}

/** wcs.yml of a server on these ports. */
export function configText(ports: ServerPorts, { plugins = {}, only = pluginNames(), config = {} }: ServerOptions = {}): string {
  const standard: Readonly<Record<string, Settings>> = {
    rtmp: { port: ports.rtmp },
    rtsp: { port: ports.rtsp },
    hls: { port: ports.hls, tlsPort: ports.hlsTls },
    http: { port: ports.http, tlsPort: ports.httpTls, hlsPort: ports.hls, hlsTlsPort: ports.hlsTls },
    cli: { port: ports.ssh },
    websocket: { port: ports.webSocket, tlsPort: ports.webSocketTls },
    webrtc: { port: ports.media },
    sip: { engine: { port: ports.sip } },
  };
  const off = Object.fromEntries(pluginNames().filter((name) => !only.includes(name)).map((name) => [name, { enabled: false }]));
  const names = [...new Set([...Object.keys(standard), ...Object.keys(plugins)])];
  const merged = { ...Object.fromEntries(names.map((name) => [name, { ...standard[name], ...plugins[name] }])), ...off };
  return stringify({ network: { host: '127.0.0.1' }, ...config, plugins: merged });
}

/** ffmpeg publishes a clip of the media folder over RTMP, again and again, at its own pace. */
export function publishLoop(t: ExecutionContext, server: Pick<WcsServer, 'rtmpUrl'>, name: string, clip = 'avc.mp4'): PeerProcess {
  const input = ['-re', '-stream_loop', '-1', '-i', join(mediaFolder, clip)];
  return new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', ...input, '-c', 'copy', '-f', 'flv', `${server.rtmpUrl}/${name}`]);
}
