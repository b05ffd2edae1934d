import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeOfferAnswer } from '../../support/fake-offer-answer.ts';
import { NumberedPublisher } from '../../support/mse.ts';
import { SignallingClient, type Received } from '../../support/signalling-client.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Frame {
  readonly conn: number;
  readonly dir: 'open' | 'c2s' | 's2c' | 'close';
  readonly msg?: Received;
  /** First byte of a binary message, hexadecimal. */
  readonly binary?: string;
  readonly code?: number;
}

const folder = 'test/golden/data/websocket';
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

/** Values that differ from run to run, and what the mock made up: kinds that nobody published, records, a wish for statistics. */
const VOLATILE = new Set(['authToken', 'file', 'videoRate', 'streamerVideoWidth', 'streamerVideoHeight', 'snapshot', 'hasVideo', 'hasAudio', 'recordName', 'webRTCMetricsServerDescription']);

/** Width of the stream that is played by MSE. */
const OWN_WIDTH = 64;

function stable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !VOLATILE.has(name)).map(([name, inner]) => [name, stable(inner)]));
}

/** Replays one recording; what the mock's media did of itself is made to happen before it is expected. */
class Replay {
  readonly #t: ExecutionContext;
  readonly #port: number;
  readonly #media: FakeOfferAnswer;
  readonly #clients = new Map<number, SignallingClient>();
  readonly #read = new Map<number, number>();
  readonly #binaries = new Map<number, number>();
  /** Recorded tokens and those that came instead. */
  readonly #tokens = new Map<string, string>();

  constructor(t: ExecutionContext, port: number, media: FakeOfferAnswer) {
    this.#t = t;
    this.#port = port;
    this.#media = media;
  }

  async play(frame: Frame): Promise<void> {
    const { conn, dir, msg } = frame;
    if (dir === 'open') this.#clients.set(conn, await SignallingClient.open(this.#port));
    const client = this.#clients.get(conn)!;
    if (dir === 'close' && frame.code !== 1001) client.end();
    if (frame.binary !== undefined) await this.#expectBinary(conn, frame.binary);
    if (msg !== undefined && dir === 'c2s') client.socket.send(this.#withTokens(JSON.stringify(msg)));
    if (msg !== undefined && dir === 's2c') await this.#expect(conn, msg);
  }

  async #expect(conn: number, msg: Received): Promise<void> {
    const client = this.#clients.get(conn)!;
    this.#stimulate(msg.data[0] as Fields, msg.message);
    const came = await this.#next(conn);
    this.#t.is(came.message, msg.message);
    const token = (msg.data[0] as Fields | null)?.authToken;
    if (msg.message === 'getUserData') this.#tokens.set(String(token), client.authToken);
    for (const [index, expected] of msg.data.entries()) this.#compare(msg.message, came.data[index], expected);
  }

  end(): void {
    for (const client of this.#clients.values()) client.end();
  }

  async #next(conn: number): Promise<Received> {
    const client = this.#clients.get(conn)!;
    const at = this.#read.get(conn) ?? 0;
    // The mock told no size of an MSE stream.
    const isOwnSize = ({ data }: Received): boolean => (data[0] as { payload?: Fields } | null)?.payload?.streamerVideoWidth === OWN_WIDTH;
    const messages = (): Received[] => client.received.filter((received) => received.message !== 'ping' && !isOwnSize(received));
    const came = await until(() => messages()[at], `message ${at} of connection ${conn}`);
    this.#read.set(conn, at + 1);
    return came;
  }

  async #expectBinary(conn: number, firstByte: string): Promise<void> {
    const at = this.#binaries.get(conn) ?? 0;
    this.#binaries.set(conn, at + 1);
    const client = this.#clients.get(conn)!;
    const message = await until(() => client.binary[at], `unit ${at}`);
    // After the configurations sounds and pictures may come in any order.
    if (at < 2) this.#t.is(message.subarray(0, 1).toString('hex'), firstByte);
  }

  #stimulate(fields: Fields | null, message: string): void {
    const id = String(fields?.mediaSessionId);
    if (message === 'notifyStreamEvent' && fields?.type === 'resize') this.#media.tell(id, { type: 'resize', width: 320, height: 240 });
    if (message === 'inboundVideoRate') this.#media.tell(id, { type: 'rate', videoBps: 1000 });
  }

  #compare(message: string, actual: unknown, expected: unknown): void {
    if (message === 'setRemoteSDP' && expected === '') return void this.#t.is(typeof actual, 'string');
    const want = stable(expected);
    if (typeof want !== 'object' || want === null) return void this.#t.deepEqual(actual, want);
    const fields = message === 'OnDataEvent' ? { payload: (want as Fields).payload } : (want as Fields);
    const given = stable(actual) as Fields;
    this.#t.deepEqual(Object.fromEntries(Object.keys(fields).map((name) => [name, given[name]])), fields);
  }

  #withTokens(text: string): string {
    return [...this.#tokens].reduce((replaced, [recorded, token]) => replaced.replaceAll(`"${recorded}"`, `"${token}"`), text);
  }
}

test('every recording is there', (t) => {
  t.is(files.length, 16);
});

for (const file of files) {
  const { description, frames } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { description: string; frames: Frame[] };
  test.serial(`${file}: ${description}`, async (t) => {
    const [port = 0, tlsPort = 0] = await freePorts(2);
    const kernel = await startTestKernel({ plugins: { websocket: { port, tlsPort } } });
    const replay = new Replay(t, port, new FakeOfferAnswer(kernel));
    const source = new NumberedPublisher(kernel.kernel.parts.media, 'from-file');
    for (let count = 0; count < 8; count++) source.write();
    kernel.kernel.parts.capabilities.provide('snapshot', { take: () => Promise.resolve(Buffer.from('picture')) });
    try {
      for (const frame of frames) await replay.play(frame);
      t.is(kernel.kernel.host.slot('websocket').faultsSeen, 0);
    } finally {
      replay.end();
      await kernel.stop();
    }
  });
}
