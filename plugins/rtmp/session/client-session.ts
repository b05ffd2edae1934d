import { amfProperties, type AmfValue } from 'wcs-core/formats/amf';
import { splitAggregate } from '../wire/aggregate.ts';
import { commandMessage, parseCommand, parseData, type Command } from '../wire/command.ts';
import { parseUserControl, setChunkSizeMessage, USER_EVENT, userControlMessage, windowAckSizeMessage } from '../wire/control.ts';
import { OUT_CHUNK_BYTES } from '../wire/chunk-writer.ts';
import { MESSAGE_TYPE, type RtmpMessage } from '../wire/message.ts';
import { isProof, meetChallenge } from './challenge.ts';
import type { ClientEffect, ClientFailure, ClientPhase, ClientState, ClientWish } from './client-state.ts';
import { FOUR_CCS, fourCcsOf, type FourCc } from './connect-request.ts';
import { WINDOW_BYTES } from './window.ts';

const NEW: ClientState = { phase: 'new', lastTransactionId: 0, awaitedId: 0, streamId: 0, fourCcs: [] };
/** Whatever the server has, live before recorded: in the thousandths of a second that servers expect here. */
const START_ANY = -2000;
/** Characters of a server's sentence that are kept. */
const MAX_REASON = 300;
/** What a Flash player says that it can decode: all of its codecs, with seeking. */
const PLAYER_FACTS = { fpad: false, capabilities: 15, audioCodecs: 4071, videoCodecs: 252, videoFunction: 1 };
/** Statuses that end a stream which was running. */
const ENDINGS: ReadonlySet<string> = new Set([
  'NetConnection.Connect.Closed',
  'NetStream.Play.UnpublishNotify',
  'NetStream.Play.Stop',
  'NetStream.Play.Complete',
  'NetStream.Unpublish.Success',
]);

/**
 * The client's side of one connection that publishes or plays one stream, as a state machine without I/O or clock:
 * messages in, effects out.
 *
 * @see RTMP 1.0 section 7
 */
export class ClientSession {
  readonly #wish: ClientWish;
  #phase: ClientPhase;
  #lastTransactionId: number;
  #awaitedId: number;
  #streamId: number;
  #fourCcs: readonly FourCc[];

  /** @param state where another session left off, from its `exportState` */
  constructor(wish: ClientWish, state: ClientState = NEW) {
    this.#wish = wish;
    this.#phase = state.phase;
    this.#lastTransactionId = state.lastTransactionId;
    this.#awaitedId = state.awaitedId;
    this.#streamId = state.streamId;
    this.#fourCcs = state.fourCcs;
  }

  get phase(): ClientPhase {
    return this.#phase;
  }

  /** The message stream that media goes on; 0 before there is one. */
  get streamId(): number {
    return this.#streamId;
  }

  /** Enhanced codecs that the server can take. */
  get fourCcs(): readonly FourCc[] {
    return this.#fourCcs;
  }

  exportState(): ClientState {
    return { phase: this.#phase, lastTransactionId: this.#lastTransactionId, awaitedId: this.#awaitedId, streamId: this.#streamId, fourCcs: this.#fourCcs };
  }

  /** The handshake is done: asks for the connection. */
  begin(): ClientEffect[] {
    this.#phase = 'connecting';
    return [send(setChunkSizeMessage(OUT_CHUNK_BYTES)), this.#ask(0, 'connect', connectObject(this.#wish))];
  }

  /** Takes a message of the server. @throws ProtocolError when it makes no sense */
  receive(message: RtmpMessage): ClientEffect[] {
    if (this.#phase === 'closed') return [];
    const { type, streamId, timestampMs, payload } = message;
    switch (type) {
      case MESSAGE_TYPE.audio:
      case MESSAGE_TYPE.video:
        return this.#plays(streamId) ? [{ type: type === MESSAGE_TYPE.audio ? 'audio' : 'video', timestampMs, payload }] : [];
      case MESSAGE_TYPE.aggregate:
        return splitAggregate(message).flatMap((part) => this.receive(part));
      case MESSAGE_TYPE.dataAmf0:
      case MESSAGE_TYPE.dataAmf3:
        return this.#plays(streamId) ? [{ type: 'data', values: parseData(message) }] : [];
      case MESSAGE_TYPE.commandAmf0:
      case MESSAGE_TYPE.commandAmf3:
        return this.#command(parseCommand(message));
      case MESSAGE_TYPE.userControl:
        return this.#userControl(message);
      default:
        return [];
    }
  }

  /** Says goodbye, as far as the server knows us, and closes. */
  close(): ClientEffect[] {
    const goodbye: ClientEffect[] = [];
    if (this.#streamId !== 0 && this.#phase !== 'closed') {
      if (this.#wish.role === 'publish') goodbye.push(this.#tell('FCUnpublish', this.#wish.streamName));
      goodbye.push(this.#tell('deleteStream', this.#streamId));
    }
    this.#phase = 'closed';
    return goodbye;
  }

  /** Some servers send media on stream 0, and before they say that it starts. */
  #plays(streamId: number): boolean {
    return this.#wish.role === 'play' && this.#streamId !== 0 && (streamId === this.#streamId || streamId === 0);
  }

  #userControl({ payload, streamId }: RtmpMessage): ClientEffect[] {
    if (streamId !== 0) return [];
    const { event, value } = parseUserControl(payload);
    if (event === USER_EVENT.pingRequest) return [send(userControlMessage(USER_EVENT.pingResponse, value))];
    const over = event === USER_EVENT.streamEof && this.#phase === 'running' && this.#plays(value);
    return over ? this.#fail('ended', 'The server has sent the end of the stream') : [];
  }

  #command({ name, transactionId, object, args }: Command): ClientEffect[] {
    if (name === 'onStatus') return this.#onStatus(args[0]);
    if (name === 'close') return this.#fail('ended', 'The server closes the connection');
    if (transactionId !== this.#awaitedId || this.#awaitedId === 0) return [];
    if (name === '_error') return this.#onError(args[0]);
    if (name !== '_result') return [];
    this.#awaitedId = 0;
    return this.#phase === 'connecting' ? this.#onConnected(object) : this.#onCreated(args[0]);
  }

  #onConnected(object: AmfValue): ClientEffect[] {
    const { role, streamName } = this.#wish;
    this.#phase = 'creating';
    this.#fourCcs = fourCcsOf(amfProperties(object) ?? {});
    const announce = role === 'publish' ? [this.#tell('releaseStream', streamName), this.#tell('FCPublish', streamName)] : [];
    return [{ type: 'connected' }, send(windowAckSizeMessage(WINDOW_BYTES)), ...announce, this.#ask(0, 'createStream', null)];
  }

  #onCreated(id: AmfValue): ClientEffect[] {
    if (typeof id !== 'number' || !Number.isInteger(id) || id <= 0 || id > 0xffffffff) return this.#fail('broken', 'The server gave no message stream');
    const { role, streamName } = this.#wish;
    this.#phase = 'starting';
    this.#streamId = id;
    const what = role === 'publish' ? this.#ask(id, 'publish', null, streamName, 'live') : this.#ask(id, 'play', null, streamName, START_ANY);
    return [what];
  }

  #onStatus(argument: AmfValue): ClientEffect[] {
    const { code, level, sentence } = statusOf(argument);
    const started = code === 'NetStream.Publish.Start' || code === 'NetStream.Play.Start';
    if (started && this.#phase === 'starting') {
      this.#phase = 'running';
      this.#awaitedId = 0;
      return [{ type: 'started' }];
    }
    if (level === 'error') return this.#fail('refused', sentence);
    return ENDINGS.has(code) ? this.#fail('ended', sentence) : [];
  }

  #onError(argument: AmfValue): ClientEffect[] {
    const { sentence, description } = statusOf(argument);
    if (this.#phase !== 'connecting') return this.#fail('refused', sentence);
    const { credentials, app, proof, nonce } = this.#wish;
    const verdict = meetChallenge({ description, credentials, app, answered: isProof(proof), nonce });
    if (verdict === undefined) return this.#fail('refused', sentence);
    // The server's own words hold user and challenge: they are kept out.
    if (verdict.type === 'refused' || verdict.query === proof) return this.#fail('refused', verdict.type === 'refused' ? verdict.reason : 'the server repeats its challenge');
    this.#phase = 'closed';
    return [{ type: 'challenged', proof: verdict.query }];
  }

  #fail(type: ClientFailure['type'], reason: string): ClientEffect[] {
    this.#phase = 'closed';
    return [{ type: 'failed', failure: { type, reason } }];
  }

  /** A command whose answer brings the session on. */
  #ask(streamId: number, name: string, ...values: readonly AmfValue[]): ClientEffect {
    this.#awaitedId = this.#lastTransactionId += 1;
    return send(commandMessage(streamId, name, this.#awaitedId, ...values));
  }

  /** A command whose answer does not matter: many servers refuse what they do not know. */
  #tell(name: string, value: AmfValue): ClientEffect {
    this.#lastTransactionId += 1;
    return send(commandMessage(0, name, this.#lastTransactionId, null, value));
  }
}

function connectObject({ role, app, tcUrl, flashVersion, proof }: ClientWish): { readonly [name: string]: AmfValue } {
  const behind = proof === '' ? '' : `${app.includes('?') ? '&' : '?'}${proof}`;
  const facts = role === 'publish' ? { type: 'nonprivate' } : PLAYER_FACTS;
  return { app: app + behind, ...facts, flashVer: flashVersion, tcUrl: tcUrl + behind, objectEncoding: 0, fourCcList: [...FOUR_CCS] };
}

interface Status {
  readonly code: string;
  readonly level: string;
  readonly description: string;
  /** Code and description, for people. */
  readonly sentence: string;
}

function statusOf(value: AmfValue): Status {
  const facts = amfProperties(value) ?? {};
  const text = (name: string): string => {
    const found = facts[name];
    return typeof found === 'string' ? found.slice(0, MAX_REASON) : '';
  };
  const [code, level, description] = [text('code'), text('level'), text('description')];
  return { code, level, description, sentence: [code, description].filter((part) => part !== '').join(': ') || 'no reason given' };
}

function send(message: RtmpMessage): ClientEffect {
  return { type: 'send', message };
}
