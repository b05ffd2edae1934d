import type { ExecutionContext } from 'ava';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PeerProcess } from './peers.ts';
import { PYTHON } from './python.ts';
import { mediaFolder } from './media-folder.ts';
import { freePortRange } from './free-ports.ts';
import { checkout, freePorts } from './test-kernel.ts';
import { until } from './until.ts';

const PEERS = join(checkout, 'test', 'support', 'peers');
const USER = 'cam';
const PASSWORD = 'secret-cam';
const START_MS = 40_000;
const END_MS = 5000;

/** A camera at work. @see test/support/peers/rtsp-camera.py for its faults */
export class Camera {
  readonly port: number;
  readonly process: PeerProcess;

  private constructor(port: number, process: PeerProcess) {
    this.port = port;
    this.process = process;
  }

  /** Starts one on loopback, which ends with the test. */
  static async start(t: ExecutionContext, ...args: string[]): Promise<Camera> {
    const [port = 0] = await freePorts(1);
    return Camera.startAt(t, port, ...args);
  }

  static async startAt(t: ExecutionContext, port: number, ...args: string[]): Promise<Camera> {
    const { from, to } = await freePortRange();
    const process = new PeerProcess(t, PYTHON, [join(PEERS, 'rtsp-camera.py'), '--media', mediaFolder, '--port', String(port), '--udp-ports', `${from}-${to}`, ...args]);
    // Killed, it would leave a child behind that it has stopped, and that child our pipes open.
    t.teardown(async () => {
      process.child.kill('SIGTERM');
      await Promise.race([process.finished, sleep(END_MS, undefined, { ref: false })]);
    });
    await until(() => process.stdout.includes('rtsp://'), `the camera: ${process.stderr}`, START_MS);
    return new Camera(port, process);
  }

  /** Its address, with the password; `/own` starts its clip for each viewer, `/cam` is one picture for all. */
  url(path = '/cam', password?: string): string {
    return `rtsp://${USER}:${password ?? PASSWORD}@127.0.0.1:${this.port}${path}`;
  }

  /** Clients that have connected so far. */
  get clients(): number {
    return this.process.stdout.split('\n').filter((line) => line.startsWith('client ')).length;
  }
}
