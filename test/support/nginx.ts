import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mediaFolder } from './media-folder.ts';
import { PeerProcess } from './peers.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { checkout, freePorts } from './test-kernel.ts';
import { until } from './until.ts';

const CONFIGURATION = join(checkout, 'test', 'support', 'peers', 'conf', 'nginx.conf');
const MODULES = '/usr/lib/nginx/modules';

/** A real nginx with its RTMP module, of Debian, on ports of its own. */
export class Nginx {
  readonly rtmpPort: number;
  readonly httpPort: number;
  readonly #t: ExecutionContext;
  readonly #folder: string;
  #process: PeerProcess | undefined;

  private constructor(t: ExecutionContext, [rtmpPort = 0, httpPort = 0]: readonly number[]) {
    this.#t = t;
    this.rtmpPort = rtmpPort;
    this.httpPort = httpPort;
    this.#folder = temporaryFolder(t);
  }

  /** Starts one; it is gone when the test ends. */
  static async start(t: ExecutionContext): Promise<Nginx> {
    const nginx = new Nginx(t, await freePorts(2));
    nginx.#configure();
    await nginx.start();
    return nginx;
  }

  /** Address of an application, e.g. `live`. */
  url(app: string): string {
    return `rtmp://127.0.0.1:${this.rtmpPort}/${app}`;
  }

  /** Starts it again, on the same ports. */
  async start(): Promise<void> {
    const conf = join(this.#folder, 'nginx.conf');
    this.#process = new PeerProcess(this.#t, 'nginx', ['-p', this.#folder, '-e', join(this.#folder, 'error.log'), '-c', conf]);
    await until(async () => (await this.statistics()) !== undefined, 'nginx', 60_000);
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.#process?.kill();
    await this.#process?.finished;
  }

  /** Its own list of streams as XML; undefined while it does not answer. */
  async statistics(): Promise<string | undefined> {
    try {
      return await (await fetch(`http://127.0.0.1:${this.httpPort}/stat`)).text();
    } catch {
      return undefined;
    }
  }

  #configure(): void {
    for (const name of ['record', 'hls', 'tmp']) mkdirSync(join(this.#folder, name));
    const values: Readonly<Record<string, string>> = {
      RUN: this.#folder,
      MEDIA: mediaFolder,
      MODULES,
      RTMP_PORT: String(this.rtmpPort),
      HTTP_PORT: String(this.httpPort),
      PUSH_URL: this.url('live'),
      PULL_URL: this.url('live'),
    };
    const text = readFileSync(CONFIGURATION, 'utf8').replace(/@([A-Z_]+)@/g, (_whole, name: string) => values[name] ?? '');
    // Workers of a master that is root would belong to somebody who may not read its folder; there is no other process.
    writeFileSync(join(this.#folder, 'nginx.conf'), text);
  }
}
