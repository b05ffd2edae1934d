import { randomUUID } from 'node:crypto';
import { ProtocolError } from 'wcs-core';
import type { Application, Exchanged, SendCommand, SendOutcome } from '../session/application.ts';
import { applicationText, parseApplicationMessage } from '../wire/application-text.ts';
import type { ControlMessage } from '../wire/control-frame.ts';
import type { SipRequest, SipResponse } from '../wire/sip-message.ts';
import type { ControlAnswer, ControlledEngine, ControlServer } from './control-server.ts';

/** Version of drachtio-server whose protocol this is. */
export const PROTOCOL_VERSION = 'v0.9.10';

/** What the application's commands need of the engine. */
export interface CommandedEngine {
  send(command: SendCommand, done: (outcome: SendOutcome) => void): void;
  /** `udp/127.0.0.1:30000,tcp/127.0.0.1:30000` */
  hostPorts(): string;
}

/** The engine in this process behind the control protocol: messages as text, and what became of them. */
export class EngineControl implements Application, ControlledEngine {
  readonly #engine: CommandedEngine;
  readonly #server: () => Pick<ControlServer, 'tell' | 'wants'>;

  constructor(engine: CommandedEngine, server: () => Pick<ControlServer, 'tell' | 'wants'>) {
    this.#engine = engine;
    this.#server = server;
  }

  greeting(): readonly string[] {
    return [this.#engine.hostPorts(), PROTOCOL_VERSION, this.#engine.hostPorts()];
  }

  onRequest(request: Exchanged<SipRequest>): boolean {
    const { method } = request.message;
    // What belongs to a dialog or a transaction goes to its application whatever that has asked for.
    const wanted = request.dialogId !== '' || method === 'CANCEL' || method === 'ACK' || this.#server().wants(method);
    return wanted && this.#tell('network', request);
  }

  onResponse(response: Exchanged<SipResponse>): void {
    this.#tell('network', response);
  }

  onUnsolicited(request: Exchanged<SipRequest>): void {
    this.#tell('application', request);
  }

  onCommand(command: ControlMessage, answer: ControlAnswer): void {
    const [transactionId = '', dialogId = '', route = ''] = command.fields;
    let message: SipRequest | SipResponse;
    try {
      message = parseApplicationMessage(command.payload);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return answer(['NOK', error.message]);
    }
    this.#engine.send({ transactionId, dialogId, route, message }, (outcome) => {
      if (!outcome.ok) return answer(['NOK', outcome.reason]);
      const { sent } = outcome;
      const text = applicationText(sent.message);
      const last = sent.message.type === 'request' ? 'Msg sent:' : sent.dialogId;
      answer(['OK', ...factsOf('application', sent, text), last, ''], text);
    });
  }

  #tell(source: string, exchanged: Exchanged<SipRequest | SipResponse>): boolean {
    const text = applicationText(exchanged.message);
    return this.#server().tell({ id: randomUUID(), kind: 'sip', fields: [...factsOf(source, exchanged, text), exchanged.dialogId, ''], payload: text });
  }
}

/** Source, bytes, protocol, address, port, time and transaction id of a message. */
function factsOf(source: string, { peer, transactionId }: Exchanged<SipRequest | SipResponse>, text: string): string[] {
  const time = new Date().toISOString().slice(11, 23);
  return [source, String(Buffer.byteLength(text)), peer.transport, peer.address, String(peer.port), `${time}000`, transactionId];
}
