import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { encodeAmf0, type AmfValue } from '../../../core/formats/amf.ts';
import { ChunkEngine, MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES } from '../../../plugins/rtmp/wire/chunk-engine.ts';
import { encodeMessage } from '../../../plugins/rtmp/wire/chunk-writer.ts';
import { RtmpSession } from '../../../plugins/rtmp/session/rtmp-session.ts';
import { clientHandshake } from '../../support/rtmp-chunks.ts';

const RUNS = { seed: 20_261_122, numRuns: 1500, interruptAfterTimeLimit: 8000 };
const NAMES = ['connect', 'createStream', 'publish', 'play', 'play2', 'pause', 'receiveAudio', 'deleteStream', 'closeStream', 'FCUnpublish', 'releaseStream', 'x'];
const value: fc.Arbitrary<AmfValue> = fc.oneof(fc.constantFrom(null, undefined, true, false), fc.double(), fc.integer({ min: -1, max: 20 }), fc.string({ maxLength: 20 }), fc.dictionary(fc.constantFrom('app', 'tcUrl', 'fourCcList', 'streamName', 'videoFourCcInfoMap'), fc.string({ maxLength: 10 })));
const command = fc.tuple(fc.constantFrom(...NAMES), fc.array(value, { maxLength: 4 }), fc.nat(3)).map(([name, args, streamId]) => ({ type: 20, streamId, timestampMs: 0, payload: encodeAmf0([name, 1, ...args]) }));
const anything = fc.record({ type: fc.integer({ min: 0, max: 25 }), streamId: fc.nat(3), timestampMs: fc.nat(), payload: fc.uint8Array({ maxLength: 60 }) });

/** A peer's whole way through engine and session, every question allowed. */
function serve(bytes: Uint8Array): number {
  let performed = 0;
  const session = new RtmpSession({ nameFault: (name) => (name.includes('.') ? 'no' : undefined) });
  const engine = new ChunkEngine({
    onMessage: (message) => {
      const effects = session.receive(message);
      performed += effects.length;
      while (session.question !== undefined) performed += session.decide({ allowed: true }).length;
    },
    onOutput: () => undefined,
  });
  engine.feed(clientHandshake());
  engine.maxMessageBytes = MAX_MESSAGE_BYTES;
  engine.feed(bytes);
  if (engine.bufferedBytes > MAX_BUFFERED_BYTES) throw new Error('Too much is held');
  return performed;
}

function survives(bytes: Uint8Array): boolean {
  try {
    return serve(bytes) >= 0;
  } catch (error) {
    if (error instanceof ProtocolError) return true;
    throw error;
  }
}

test('any bytes after the handshake end in a protocol error or in nothing', (t) => {
  t.notThrows(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), survives), RUNS));
});

test('any bytes instead of the handshake do', (t) => {
  const engine = () => new ChunkEngine({ onMessage: () => undefined, onOutput: () => undefined });
  const feed = (bytes: Uint8Array): boolean => {
    try {
      engine().feed(bytes);
    } catch (error) {
      return error instanceof ProtocolError;
    }
    return true;
  };
  t.notThrows(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 4000 }), feed), { ...RUNS, numRuns: 300 }));
});

test('any sequence of commands and messages, also with changed bytes, is answered or ends the peer', (t) => {
  const sequence = fc.array(fc.oneof(command, anything), { maxLength: 12 });
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
  t.notThrows(() =>
    fc.assert(
      fc.property(sequence, changes, (messages, edits) => {
        const bytes = Buffer.concat([encodeMessage({ type: 20, streamId: 0, timestampMs: 0, payload: encodeAmf0(['connect', 1, {}]) }), ...messages.map(encodeMessage)]);
        for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
        return survives(bytes);
      }),
      RUNS,
    ),
  );
});
