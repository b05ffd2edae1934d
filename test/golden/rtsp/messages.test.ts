import test from 'ava';
import { NEED_MORE } from '../../../core/formats/need-more.ts';
import { RtspReader } from '../../../plugins/rtsp/wire/message-reader.ts';
import { encodeInterleaved, encodeRequest, encodeResponse } from '../../../plugins/rtsp/wire/message-writer.ts';
import { allHeadersOf, cseqOf, headerOf, methodsOf, type RtspMessage } from '../../../plugins/rtsp/wire/message.ts';

/** Every message of the bytes, and what is left. */
function readAll(bytes: Uint8Array | string): { messages: RtspMessage[]; unread: Uint8Array } {
  const reader = new RtspReader();
  reader.feed(Buffer.from(bytes));
  const messages: RtspMessage[] = [];
  for (let message = reader.next(); message !== NEED_MORE; message = reader.next()) messages.push(message);
  return { messages, unread: reader.unread };
}

test('the requests of RFC 2326 section 14.1 are read', (t) => {
  const text = 'DESCRIBE rtsp://foo.com/bar RTSP/1.0\r\nCSeq: 1\r\n\r\nSETUP rtsp://foo.com/bar/audio RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast;client_port=3056-3057\r\n\r\n';
  const { messages, unread } = readAll(text);
  t.deepEqual(messages, [
    { type: 'request', method: 'DESCRIBE', uri: 'rtsp://foo.com/bar', version: '1.0', headers: [['CSeq', '1']], body: new Uint8Array() },
    { type: 'request', method: 'SETUP', uri: 'rtsp://foo.com/bar/audio', version: '1.0', headers: [['CSeq', '3'], ['Transport', 'RTP/AVP;unicast;client_port=3056-3057']], body: new Uint8Array() },
  ]);
  t.is(unread.length, 0);
});

test('a response with a body, an interleaved frame and another request stand in one stream', (t) => {
  const bytes = Buffer.concat([Buffer.from('RTSP/1.0 200 OK\r\nCSeq: 7\r\nContent-Length: 5\r\n\r\nv=0\r\n'), Buffer.from([0x24, 1, 0, 3, 0xaa, 0xbb, 0xcc]), Buffer.from('OPTIONS * RTSP/1.0\r\nCSeq: 8\r\n\r\nOPT')]);
  const { messages, unread } = readAll(bytes);
  const [response, frame, request] = messages;
  t.like(response, { type: 'response', status: 200, reason: 'OK' });
  t.deepEqual(response?.type === 'response' ? Buffer.from(response.body).toString() : '', 'v=0\r\n');
  t.deepEqual(frame?.type === 'interleaved' ? [frame.channel, [...frame.data]] : [], [1, [0xaa, 0xbb, 0xcc]]);
  t.like(request, { type: 'request', method: 'OPTIONS', uri: '*' });
  t.is(Buffer.from(unread).toString(), 'OPT');
});

test('bare line feeds, folded headers, empty lines before a message and lines without a colon are taken', (t) => {
  const { messages } = readAll('\r\n\nRTSP/1.0 401 Not  now \nWWW-Authenticate: Digest realm="a",\n  nonce="b"\nnonsense\ncseq : 4\nWWW-Authenticate:Basic realm="a"\n\n');
  const [response] = messages;
  t.is(messages.length, 1);
  t.like(response, { type: 'response', status: 401, reason: 'Not  now' });
  if (response?.type !== 'response') return;
  t.deepEqual(allHeadersOf(response, 'www-authenticate'), ['Digest realm="a", nonce="b"', 'Basic realm="a"']);
  t.is(cseqOf(response), 4);
});

test('a status without a phrase, another version and an address with spaces are read', (t) => {
  const { messages } = readAll('RTSP/1.0 200\r\n\r\nRTSP/2.0 200  \r\n\r\nPLAY rtsp://h/a b  RTSP/1.0\r\n\r\n');
  t.like(messages[0], { status: 200, reason: '' });
  t.like(messages[1], { version: '2.0', status: 200, reason: '' });
  t.like(messages[2], { method: 'PLAY', uri: 'rtsp://h/a b' });
});

test('what is written are the bytes of the wire', (t) => {
  t.is(
    Buffer.from(encodeRequest({ method: 'SETUP', uri: 'rtsp://h/a b', headers: [['CSeq', '3'], ['User-Agent', 'WCS']] })).toString(),
    'SETUP rtsp://h/a%20b RTSP/1.0\r\nCSeq: 3\r\nUser-Agent: WCS\r\n\r\n',
  );
  t.is(
    Buffer.from(encodeResponse({ status: 454, headers: [['CSeq', '3']], body: Buffer.from('x\r\n') })).toString(),
    'RTSP/1.0 454 Session Not Found\r\nCSeq: 3\r\nContent-Length: 3\r\n\r\nx\r\n',
  );
  t.deepEqual([...encodeInterleaved(2, Uint8Array.of(1, 2))], [0x24, 2, 0, 2, 1, 2]);
});

test('no value can begin a line of its own', (t) => {
  const text = Buffer.from(encodeResponse({ status: 200, reason: 'a\r\nEvil: 1', headers: [['CSeq', '1\r\nEvil: 2\0\n\nx']] })).toString();
  t.is(text, 'RTSP/1.0 200 a Evil: 1\r\nCSeq: 1 Evil: 2 x\r\n\r\n');
});

test('the methods of a server are a set in upper case', (t) => {
  t.deepEqual([...methodsOf('OPTIONS, describe,SETUP  PLAY,')], ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY']);
  t.is(headerOf({ headers: [['public', 'A'], ['Public', 'B']] }, 'PUBLIC'), 'A');
});
