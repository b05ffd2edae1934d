import test from 'ava';
import fc from 'fast-check';
import { ProtocolError, WcsError } from '../../../core/errors/wcs-error.ts';
import { encodeAmf0, type AmfValue } from '../../../core/formats/amf.ts';
import { ClientSession } from '../../../plugins/rtmp/session/client-session.ts';
import type { ClientWish } from '../../../plugins/rtmp/session/client-state.ts';
import { meetChallenge } from '../../../plugins/rtmp/session/challenge.ts';
import { parseRelayAddress } from '../../../plugins/rtmp/session/relay-address.ts';
import { ChunkEngine, MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES } from '../../../plugins/rtmp/wire/chunk-engine.ts';
import { encodeMessage, OUT_CHUNK_BYTES } from '../../../plugins/rtmp/wire/chunk-writer.ts';
import { setChunkSizeMessage } from '../../../plugins/rtmp/wire/control.ts';
import { clientHandshake } from '../../support/rtmp-chunks.ts';

const RUNS = { seed: 20_261_129, numRuns: 1500, interruptAfterTimeLimit: 8000 };
const WISH: ClientWish = { role: 'play', app: 'live', tcUrl: 'rtmp://host/live', streamName: 'name', flashVersion: 'x', credentials: { user: 'u', password: 'p' }, proof: '', nonce: '00000000' };
const CODES = ['NetStream.Play.Start', 'NetStream.Publish.Start', 'NetStream.Play.UnpublishNotify', 'NetConnection.Connect.Rejected', 'x'];
const info = fc.record({ code: fc.constantFrom(...CODES), level: fc.constantFrom('status', 'error'), description: fc.oneof(fc.string(), fc.constantFrom('[ authmod=adobe ] : ?reason=needauth&salt=x', '[ code=403 need auth; authmod=llnw ]')) });
const value: fc.Arbitrary<AmfValue> = fc.oneof(fc.constantFrom(null, undefined, true), fc.integer({ min: -1, max: 9 }), fc.double(), fc.string({ maxLength: 20 }), info);
const command = fc.tuple(fc.constantFrom('_result', '_error', 'onStatus', 'close', 'x'), fc.nat(5), fc.array(value, { maxLength: 3 })).map(([name, id, values]) => ({ type: 20, streamId: 0, timestampMs: 0, payload: encodeAmf0([name, id, ...values]) }));
const anything = fc.record({ type: fc.integer({ min: 0, max: 25 }), streamId: fc.nat(3), timestampMs: fc.nat(), payload: fc.uint8Array({ maxLength: 60 }) });
const role = fc.constantFrom('play' as const, 'publish' as const);
const script = fc.array(fc.oneof(command, anything), { maxLength: 12 });

/** A server's whole way through the client's engine and session. */
function hear(wish: ClientWish, bytes: Uint8Array, cuts: readonly number[] = []): string {
  const told: string[] = [];
  const session = new ClientSession(wish);
  const engine = new ChunkEngine({ onMessage: (message) => told.push(...session.receive(message).map(({ type }) => type)), onOutput: () => undefined }, undefined, 'client');
  const feed = (part: Uint8Array): void => {
    engine.feed(part);
    if (engine.bufferedBytes > MAX_BUFFERED_BYTES) throw new Error('Too much is held');
    if (engine.handshakeDone && session.phase === 'new') told.push(...session.begin().map(({ type }) => type));
  };
  engine.maxMessageBytes = MAX_MESSAGE_BYTES;
  feed(clientHandshake());
  let from = 0;
  for (const to of [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    if (to > from) feed(bytes.subarray(from, to));
    from = to;
  }
  return told.join(' ');
}

function survives(bytes: Uint8Array, wish = WISH): boolean {
  try {
    hear(wish, bytes);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return true;
    throw error;
  }
}

test('any bytes of a server end in a protocol error or in nothing', (t) => {
  t.notThrows(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => survives(bytes)), RUNS));
});

test('any sequence of answers and messages, also with changed bytes, is understood or ends the client', (t) => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
  const property = fc.property(script, changes, role, (messages, edits, role) => {
    const bytes = Buffer.concat([setChunkSizeMessage(OUT_CHUNK_BYTES), ...messages].map(encodeMessage));
    for (const [at, byte] of edits) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return survives(bytes, { ...WISH, role });
  });
  t.notThrows(() => fc.assert(property, RUNS));
});

test('what a server says means the same however it is cut', (t) => {
  const property = fc.property(fc.array(command, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 8 }), role, (messages, cuts, role) => {
    const bytes = Buffer.concat([setChunkSizeMessage(OUT_CHUNK_BYTES), ...messages].map(encodeMessage));
    const wish = { ...WISH, role };
    return hear(wish, bytes) === hear(wish, bytes, cuts);
  });
  t.notThrows(() => fc.assert(property, { ...RUNS, numRuns: 300 }));
});

test('no refusal makes a client send its password, or more than one proof', (t) => {
  const words = fc.array(fc.constantFrom('authmod=adobe', 'authmod=llnw', 'code=403 need auth', '?reason=needauth', '&salt=', '&nonce=', '&challenge=', '=', '&', '?', '%', '\0', ']'), { maxLength: 12 });
  const property = fc.property(words, fc.string(), fc.boolean(), (parts, more, answered) => {
    const verdict = meetChallenge({ description: parts.join('') + more, credentials: { user: 'u', password: 'pass-word' }, app: 'live', answered, nonce: '00000000' });
    return !JSON.stringify(verdict ?? '').includes('pass-word') && !(answered && verdict?.type === 'answer');
  });
  t.notThrows(() => fc.assert(property, RUNS));
});

test('any text is an address or a refusal that repeats none of it', (t) => {
  const property = fc.property(fc.constantFrom('', 'rtmp://', 'rtmps://u:pass-word@', 'rtmp://u:pass-word@host/'), fc.string(), fc.boolean(), (head, rest, named) => {
    try {
      return parseRelayAddress(head + rest, named).app !== '';
    } catch (error) {
      return error instanceof WcsError && error.code === 'OPERATION_E_INPUT' && !error.message.includes('pass-word');
    }
  });
  t.notThrows(() => fc.assert(property, RUNS));
});
