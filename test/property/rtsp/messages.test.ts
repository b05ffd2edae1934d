import test from 'ava';
import fc from 'fast-check';
import { NEED_MORE } from '../../../core/formats/need-more.ts';
import { RtspReader } from '../../../plugins/rtsp/wire/message-reader.ts';
import { encodeInterleaved, encodeRequest, encodeResponse } from '../../../plugins/rtsp/wire/message-writer.ts';
import type { RtspMessage } from '../../../plugins/rtsp/wire/message.ts';

const token = fc.stringMatching(/^[A-Za-z][A-Za-z-]{0,11}$/).filter((name) => name.toLowerCase() !== 'content-length');
const text = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
const headers = fc.array(fc.tuple(token, text), { maxLength: 6 });
const body = fc.uint8Array({ maxLength: 80 });
const message: fc.Arbitrary<RtspMessage> = fc.oneof(
  fc.record({ type: fc.constant('request' as const), method: token, uri: fc.stringMatching(/^[!-~]{1,30}$/), version: fc.constant('1.0'), headers, body }),
  fc.record({ type: fc.constant('response' as const), status: fc.integer({ min: 100, max: 599 }), reason: text, version: fc.constant('1.0'), headers, body }),
  fc.record({ type: fc.constant('interleaved' as const), channel: fc.nat(255), data: fc.uint8Array({ maxLength: 200 }) }),
);

function encode(one: RtspMessage): Uint8Array {
  switch (one.type) {
    case 'request': return encodeRequest(one);
    case 'response': return encodeResponse(one);
    case 'interleaved': return encodeInterleaved(one.channel, one.data);
  }
}

/** What was read, without the length that the writer adds. */
function plain(one: RtspMessage): unknown {
  if (one.type === 'interleaved') return { type: one.type, channel: one.channel, data: [...one.data] };
  const { headers, body, version } = one;
  const start = one.type === 'request' ? [one.method, one.uri] : [one.status, one.reason];
  return { type: one.type, version, start, headers: headers.filter(([name]) => name !== 'Content-Length'), body: [...body] };
}

/** Feeds the stream in the given pieces; a reader may be exchanged for one that goes on, as in a swap. */
function readIn(pieces: readonly Uint8Array[], swaps: boolean): unknown[] {
  let reader = new RtspReader();
  const messages: unknown[] = [];
  for (const piece of pieces) {
    if (swaps) reader = new RtspReader(reader.unread);
    reader.feed(piece);
    for (let next = reader.next(); next !== NEED_MORE; next = reader.next()) messages.push(plain(next));
  }
  if (reader.unread.length > 0) throw new Error('Something is left');
  return messages;
}

function cut(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b);
  return [...at, stream.length].map((end, index) => stream.subarray(at[index - 1] ?? 0, end));
}

test('any split of a stream gives the messages that were written, also when readers take over from each other', (t) => {
  t.notThrows(() => fc.assert(fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 30 }), fc.boolean(), (messages, places, swaps) => {
    const pieces = cut(Buffer.concat(messages.map(encode)), places);
    fc.pre(messages.length > 0);
    return JSON.stringify(readIn(pieces, swaps)) === JSON.stringify(messages.map(plain));
  }), { seed: 20_261_129, numRuns: 600 }));
});

test('a stream that comes byte by byte gives the same', (t) => {
  t.notThrows(() => fc.assert(fc.property(fc.array(message, { minLength: 1, maxLength: 3 }), (messages) => {
    const stream = Buffer.concat(messages.map(encode));
    const bytes = Array.from(stream, (_, index) => stream.subarray(index, index + 1));
    return JSON.stringify(readIn(bytes, false)) === JSON.stringify(messages.map(plain));
  }), { seed: 20_261_129, numRuns: 100 }));
});
