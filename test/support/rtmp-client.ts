import { connect, type Socket } from 'node:net';
import type { AmfValue } from '../../core/formats/amf.ts';
import { ChunkEngine, MAX_MESSAGE_BYTES } from '../../plugins/rtmp/wire/chunk-engine.ts';
import { encodeMessage } from '../../plugins/rtmp/wire/chunk-writer.ts';
import { commandMessage, dataMessage, parseCommand, type Command } from '../../plugins/rtmp/wire/command.ts';
import { setChunkSizeMessage } from '../../plugins/rtmp/wire/control.ts';
import type { RtmpMessage } from '../../plugins/rtmp/wire/message.ts';
import { clientHandshake } from './rtmp-chunks.ts';
import { until } from './until.ts';

const HANDSHAKE_BYTES = 1 + 2 * 1536;

/** A small RTMP client that keeps everything it was sent. */
export class RtmpClient {
  readonly socket: Socket;
  readonly messages: RtmpMessage[] = [];
  closed = false;
  #engine: ChunkEngine;
  #toSkip = HANDSHAKE_BYTES;
  #transaction = 0;

  constructor(port: number) {
    // The engine only knows the server's side of the handshake: it is fed one of its own, and the server's answer is skipped.
    this.#engine = new ChunkEngine({ onMessage: (message) => void this.messages.push(message), onOutput: () => undefined });
    this.#engine.feed(clientHandshake());
    this.#engine.maxMessageBytes = MAX_MESSAGE_BYTES;
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.#take(chunk));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.closed = true));
    this.socket.write(clientHandshake());
  }

  /** Commands received so far. */
  get commands(): Command[] {
    return this.messages.filter(({ type }) => type === 20).map(parseCommand);
  }

  /** Codes of the status messages received so far. */
  get codes(): string[] {
    return this.commands.flatMap(({ args }) => args.flatMap((arg) => codeOf(arg) ?? []));
  }

  /** Waits for a status. */
  async status(code: string): Promise<void> {
    await until(() => this.codes.includes(code), `${code}, got ${this.codes.join(', ')}`);
  }

  send(message: RtmpMessage): void {
    this.socket.write(encodeMessage(message));
  }

  /** Sends a command without waiting for its answer. */
  call(streamId: number, name: string, ...values: AmfValue[]): number {
    this.send(commandMessage(streamId, name, ++this.#transaction, ...values));
    return this.#transaction;
  }

  /** The answer to a command. */
  async answer(transactionId: number): Promise<Command> {
    return until(() => this.commands.find((command) => command.transactionId === transactionId && command.name.startsWith('_')), `answer ${transactionId}`);
  }

  /** Connects to an application; the client then sends in the server's chunk size. */
  async connect(app = 'live', more: Readonly<Record<string, AmfValue>> = {}): Promise<Command> {
    const answer = await this.answer(this.call(0, 'connect', { app, tcUrl: `rtmp://127.0.0.1/${app}`, ...more }));
    this.send(setChunkSizeMessage(65_535));
    return answer;
  }

  async createStream(): Promise<number> {
    const { args } = await this.answer(this.call(0, 'createStream', null));
    return Number(args[0]);
  }

  /** Connects and publishes. */
  async publish(name: string, app = 'live'): Promise<number> {
    await this.connect(app);
    const streamId = await this.createStream();
    this.call(streamId, 'publish', null, name, 'live');
    await this.status('NetStream.Publish.Start');
    return streamId;
  }

  /** Connects and asks to play. */
  async play(name: string, more: Readonly<Record<string, AmfValue>> = {}): Promise<number> {
    await this.connect('live', more);
    const streamId = await this.createStream();
    this.call(streamId, 'play', null, name);
    return streamId;
  }

  metadata(streamId: number, facts: Readonly<Record<string, AmfValue>>): void {
    this.send(dataMessage(streamId, 0, '@setDataFrame', 'onMetaData', facts));
  }

  close(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    const skipped = Math.min(this.#toSkip, chunk.length);
    this.#toSkip -= skipped;
    this.#engine.feed(chunk.subarray(skipped));
  }
}

function codeOf(value: AmfValue): string | undefined {
  return typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string' ? value.code : undefined;
}
