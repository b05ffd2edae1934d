import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { until } from './until.ts';

/** A message as it came. */
export interface Received {
  readonly message: string;
  readonly data: readonly unknown[];
}

type Fields = Readonly<Record<string, unknown>>;

/** A small client of the WebSocket signalling that keeps everything it was sent. */
export class SignallingClient {
  readonly socket: WebSocket;
  readonly received: Received[] = [];
  readonly binary: Buffer[] = [];
  /** Answers pings, as browsers do. */
  answersPings = true;
  close: { readonly code: number; readonly reason: string } | undefined;

  constructor(port: number, protocol: 'ws' | 'wss' = 'ws') {
    this.socket = new WebSocket(`${protocol}://127.0.0.1:${port}/`, { rejectUnauthorized: false, perMessageDeflate: false });
    this.socket.on('error', () => undefined);
    this.socket.on('close', (code, reason) => (this.close = { code, reason: reason.toString() }));
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        this.binary.push(data);
        return;
      }
      const frame = JSON.parse(data.toString()) as Received;
      if (frame.message === 'ping' && this.answersPings) this.send('pong', null);
      this.received.push(frame);
    });
  }

  /** Opens a socket and waits until it is there. */
  static async open(port: number, protocol: 'ws' | 'wss' = 'ws'): Promise<SignallingClient> {
    const client = new SignallingClient(port, protocol);
    await until(() => client.socket.readyState === WebSocket.OPEN || client.close, 'the WebSocket');
    return client;
  }

  /** Opens a socket and connects. */
  static async connect(port: number, fields: Fields = {}): Promise<SignallingClient> {
    const client = await SignallingClient.open(port);
    client.send('connection', { appKey: 'defaultApp', mediaProviders: ['WebRTC', 'MSE'], clientVersion: '2.0', clientBrowserVersion: 'test', msePacketizationVersion: 2, ...fields });
    await client.next('getUserData');
    return client;
  }

  send(message: string, argument: unknown): void {
    this.socket.send(JSON.stringify({ message, data: [argument] }));
  }

  /** Names of everything that came but pings. */
  get names(): string[] {
    return this.received.map(({ message }) => message).filter((name) => name !== 'ping');
  }

  /** The first arguments of all messages of a name. */
  all(name: string): Fields[] {
    return this.received.filter(({ message }) => message === name).map(({ data }) => data[0] as Fields);
  }

  /** The first argument of the first message of a name that fits; waits for it. */
  async next(name: string, fits: (fields: Fields) => boolean = () => true): Promise<Fields> {
    return until(() => this.all(name).find(fits), `${name}; got ${JSON.stringify(this.received.slice(-4)).slice(0, 600)}`);
  }

  get authToken(): string {
    return String(this.all('getUserData').at(-1)?.authToken);
  }

  /** Waits for a status of a stream. */
  status(mediaSessionId: string, status: string): Promise<Fields> {
    return this.next('notifyStreamStatusEvent', (fields) => fields.mediaSessionId === mediaSessionId && fields.status === status);
  }

  /** Asks to publish or play; the id of the stream. */
  stream(message: 'publishStream' | 'playStream', name: string, more: Fields = {}): string {
    const mediaSessionId = randomUUID();
    this.send(message, {
      mediaSessionId, name, published: message === 'publishStream', hasVideo: true, hasAudio: true, status: 'PENDING', record: false,
      mediaProvider: 'WebRTC', sdp: 'v=0\r\n', bitrate: 0, minBitrate: 0, maxBitrate: 0, width: 0, height: 0, quality: 0, ...more,
    });
    return mediaSessionId;
  }

  /** Asks something of the application; its answer. */
  async data(payload: unknown): Promise<Fields> {
    const operationId = randomUUID();
    this.send('sendData', { operationId, payload });
    return this.next('DataStatusEvent', (fields) => fields.operationId === operationId);
  }

  /** What the rooms have told, in order. */
  get roomEvents(): { readonly name: string; readonly info: unknown }[] {
    return this.all('OnDataEvent').map(({ payload }) => {
      const { name, info } = payload as { name: string; info: unknown };
      return { name, info };
    });
  }

  end(): void {
    this.socket.close();
  }
}
