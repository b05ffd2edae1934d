import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import type { AmfValue } from '../../core/formats/amf.ts';
import { ChunkEngine, MAX_MESSAGE_BYTES } from '../../plugins/rtmp/wire/chunk-engine.ts';
import { encodeMessage } from '../../plugins/rtmp/wire/chunk-writer.ts';
import { commandMessage, parseCommand, type Command } from '../../plugins/rtmp/wire/command.ts';
import { setChunkSizeMessage } from '../../plugins/rtmp/wire/control.ts';
import type { RtmpMessage } from '../../plugins/rtmp/wire/message.ts';
import { until } from './until.ts';

/** What the server does with a command before its usual answer; true for no usual answer. */
export type OnCommand = (command: Command, peer: FakePeer) => boolean | undefined;

/** How the server behaves; by default it takes everything. */
export interface FakeServerOptions {
  readonly onCommand?: OnCommand;
  /** Takes the connection instead of the protocol. */
  readonly onSocket?: (socket: Socket) => void;
  /** Facts of the answer to `connect`, e.g. the codecs it takes. */
  readonly facts?: Readonly<Record<string, AmfValue>>;
}

/** A client as the server sees it. */
export class FakePeer {
  readonly socket: Socket;
  readonly messages: RtmpMessage[] = [];
  closed = false;

  constructor(socket: Socket, options: FakeServerOptions) {
    this.socket = socket;
    socket.setNoDelay(true);
    const engine = new ChunkEngine({ onMessage: (message) => this.#take(message, options), onOutput: (bytes) => void socket.write(bytes) });
    engine.maxMessageBytes = MAX_MESSAGE_BYTES;
    socket.on('data', (chunk) => engine.feed(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
  }

  get commands(): Command[] {
    return this.messages.filter(({ type }) => type === 20).map(parseCommand);
  }

  /** Media messages received so far. */
  get media(): RtmpMessage[] {
    return this.messages.filter(({ type }) => type === 8 || type === 9);
  }

  send(message: RtmpMessage): void {
    this.socket.write(encodeMessage(message));
  }

  call(streamId: number, name: string, transactionId: number, ...values: AmfValue[]): void {
    this.send(commandMessage(streamId, name, transactionId, ...values));
  }

  status(streamId: number, code: string, level = 'status', description = code): void {
    this.call(streamId, 'onStatus', 0, null, { level, code, description });
  }

  #take(message: RtmpMessage, { onCommand, facts = {} }: FakeServerOptions): void {
    this.messages.push(message);
    if (message.type !== 20) return;
    const command = parseCommand(message);
    if (command.name === 'connect') this.send(setChunkSizeMessage(65_535));
    if (onCommand?.(command, this) === true) return;
    this.#answer(command, facts);
  }

  #answer({ name, transactionId }: Command, facts: Readonly<Record<string, AmfValue>>): void {
    switch (name) {
      case 'connect':
        return this.call(0, '_result', transactionId, { fmsVer: 'FMS/3,0', ...facts }, { level: 'status', code: 'NetConnection.Connect.Success' });
      case 'createStream':
        return this.call(0, '_result', transactionId, null, 1);
      case 'publish':
        return this.status(1, 'NetStream.Publish.Start');
      case 'play':
        return this.status(1, 'NetStream.Play.Start');
      // Real servers refuse what they do not know.
      case 'releaseStream':
      case 'FCPublish':
        return this.call(0, '_error', transactionId, null, { level: 'error', code: 'NetConnection.Call.Failed' });
    }
  }
}

/** An RTMP server of a few lines, which keeps what it was sent and misbehaves where a test wants it to. */
export class FakeRtmpServer {
  readonly peers: FakePeer[] = [];
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, options: FakeServerOptions) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      if (options.onSocket === undefined) this.peers.push(new FakePeer(socket, options));
      else options.onSocket(socket);
    });
  }

  /** Starts one, on a port of its own or a given one; it is gone when the test ends. */
  static async start(t: ExecutionContext, options: FakeServerOptions = {}, port = 0): Promise<FakeRtmpServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const fake = new FakeRtmpServer(server, options);
    t.teardown(() => fake.stop());
    return fake;
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  url(path: string, user = ''): string {
    return `rtmp://${user === '' ? '' : `${user}@`}127.0.0.1:${this.port}/${path}`;
  }

  /** The next client that asks for something. */
  async peer(index = 0): Promise<FakePeer> {
    return until(() => this.peers[index], `client ${index}`);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }
}
