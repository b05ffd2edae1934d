import { createSocket, type Socket } from 'node:dgram';
import { join } from 'node:path';
import test from 'ava';
import { encodeAdtsHeader, aacLcConfig } from '../../core/formats/aac.ts';
import { TsMuxer } from '../../core/formats/mpegts.ts';
import type { MediaFrame } from '../../core/media/frame.ts';
import { checkout, type TestKernel } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';
import { until } from '../support/until.ts';

const PID = 0x101;
const AAC = aacLcConfig(48_000, 2);
const FRAME_90K = 1920;
let streams = 0;

/** Sends numbered frames of sound, each cut into two datagrams, so that a swap may come between them. */
class Sender {
  readonly #socket: Socket = createSocket('udp4');
  readonly #muxer = new TsMuxer([{ pid: PID, codec: 'aac' }]);
  readonly #port: number;
  #number = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async send(): Promise<number> {
    const number = this.#number++;
    const body = Buffer.alloc(300, number % 256);
    body.writeUInt32BE(number);
    const time = 90_000 + number * FRAME_90K;
    const bytes = this.#muxer.writeAccessUnit({ pid: PID, pts90k: time, dts90k: time, key: true, data: [encodeAdtsHeader(AAC, body.length), body] });
    if (number % 5 === 0) await this.#datagram(this.#muxer.writeTables());
    await this.#datagram(bytes.subarray(0, 188));
    await this.#datagram(bytes.subarray(188));
    return number;
  }

  close(): void {
    this.#socket.close();
  }

  #datagram(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.send(bytes, this.#port, '127.0.0.1', () => resolve()));
  }
}

function numbersOf({ kernel }: TestKernel, name: string): number[] {
  const numbers: number[] = [];
  const onFrame = ({ data }: MediaFrame): void => void numbers.push(Buffer.from(data).readUInt32BE(0));
  kernel.parts.media.find(name)!.subscribe({ plane: 'frames', label: 'test', from: 'gop', sink: { onTracks: () => undefined, onFrame, onEnd: () => undefined } });
  return numbers;
}

pluginConformance(test, {
  name: 'mpegts',
  entry: join(checkout, 'plugins', 'mpegts', 'mpegts.plugin.ts'),
  portCount: 0,
  settings: () => ({ host: '127.0.0.1' }),
  keepsSessions: true,
  openSession: async ({ kernel }) => {
    const name = `conformance${streams++}`;
    const { uri } = (await kernel.call('mpegts.startup', { localStreamName: name })) as { uri: string };
    const sender = new Sender(Number(uri.split(':').at(-1)));
    const numbers = numbersOf(kernel, name);
    let next = 0;
    return {
      verify: async () => {
        for (let count = 0; count < 10; count++) next = (await sender.send()) + 1;
        await until(() => numbers.at(-1) === next - 1, `frame ${next - 1} of ${name}, not ${numbers.at(-1)}`);
        const wrong = numbers.findIndex((number, index) => number !== index);
        if (wrong >= 0) throw new Error(`Frame ${wrong} is missing or out of place: ${numbers.slice(wrong, wrong + 3).join()}`);
      },
      close: async () => {
        sender.close();
        // One that a faulty version could not hand over has ended.
        await kernel.call('mpegts.terminate', { localStreamName: name }).catch(() => undefined);
      },
    };
  },
  tryRefused: async ({ kernel }) => {
    try {
      await kernel.call('mpegts.startup', { localStreamName: 'refused' });
      return false;
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'ACCESS_E_REFUSED';
    }
  },
});
