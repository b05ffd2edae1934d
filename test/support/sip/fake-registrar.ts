import { createSocket, type Socket } from 'node:dgram';
import type { ExecutionContext } from 'ava';
import { responseTo } from '../../../plugins/sip/engine/session/agent-core.ts';
import { encodeSipMessage } from '../../../plugins/sip/engine/wire/encode-message.ts';
import { parseNameAddr } from '../../../plugins/sip/engine/wire/name-addr.ts';
import { parseSipMessage } from '../../../plugins/sip/engine/wire/parse-message.ts';
import { parseSipUri } from '../../../plugins/sip/engine/wire/sip-uri.ts';

/** A registration as it came. */
export interface SeenRegistration {
  readonly user: string;
  /** Port that it came from. */
  readonly port: number;
  readonly contact: string;
  readonly expires: string;
}

/** Takes every registration, over UDP, and writes down where each came from. */
export class FakeRegistrar {
  readonly seen: SeenRegistration[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (data, { address, port }) => {
      const { message } = parseSipMessage(data);
      if (message.type !== 'request' || message.method !== 'REGISTER') return;
      const [contact = '', expires = ''] = [message.headers.get('Contact'), message.headers.get('Expires')];
      this.seen.push({ user: parseSipUri(parseNameAddr(message.headers.get('To') ?? '')?.uri ?? '')?.user ?? '', port, contact, expires });
      const response = responseTo(message, 200, 'OK', 'registrar');
      response.headers.add('Contact', contact);
      response.headers.add('Expires', expires);
      socket.send(encodeSipMessage(response), port, address);
    });
  }

  static async start(t: ExecutionContext): Promise<FakeRegistrar> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    t.teardown(() => socket.close());
    return new FakeRegistrar(socket);
  }

  get port(): number {
    return (this.#socket.address()).port;
  }

  /** Where a user is registered now: the ports of all that have not been taken back. */
  portsOf(user: string): readonly number[] {
    const ports = new Map(this.seen.filter((one) => one.user === user).map(({ port, expires }) => [port, expires !== '0']));
    return [...ports].filter(([, isThere]) => isThere).map(([port]) => port);
  }
}
