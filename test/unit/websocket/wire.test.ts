import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { encodeAvcConfig, parseAvcConfig } from '../../../core/formats/h264.ts';
import { appendConfigs, appendFrame, UnitBuffer } from '../../../plugins/websocket/bridge/unit-writer.ts';
import { parseClientMessage } from '../../../plugins/websocket/wire/client-message.ts';
import { mseAnswer } from '../../../plugins/websocket/wire/mse-sdp.ts';
import { parseRoomCommand } from '../../../plugins/websocket/wire/room-command.ts';
import { encodeServerMessage } from '../../../plugins/websocket/wire/server-message.ts';

const parse = (message: string, ...data: unknown[]): unknown => parseClientMessage(JSON.stringify({ message, data }));

test('a connection keeps what the client said but its password', (t) => {
  t.deepEqual(parse('connection', { appKey: 'a', keepAlive: true, authToken: 't', clientBrowserVersion: 'UA', custom: { x: 1 }, sipLogin: '1', sipPassword: 'p' }), {
    type: 'connection',
    request: { appKey: 'a', keepAlive: true, authToken: 't', userAgent: 'UA', custom: { x: 1 }, account: { login: '1', authenticationName: '', password: 'p', domain: '', outboundProxy: '', port: 0, registerRequired: false, visibleName: '' }, echo: { appKey: 'a', keepAlive: true, authToken: 't', clientBrowserVersion: 'UA', custom: { x: 1 }, sipLogin: '1' } },
  });
  t.like(parse('connection', null), { request: { appKey: 'defaultApp', keepAlive: false } });
});

test('fields of another type get their neutral value, and numbers may be texts', (t) => {
  t.like(parse('playStream', { mediaSessionId: 5, name: ['x'], width: '640', height: -3, bitrate: 'NaN', transport: 'TCP', hasVideo: 'no', record: 'yes' }), {
    type: 'playStream',
    stream: { mediaSessionId: '', name: '', width: 640, height: 0, bitrate: 0, transport: 'tcp', hasVideo: true, record: false, mediaProvider: 'WebRTC', sdp: '' },
  });
  t.deepEqual(parse('sendStreamEvent', { mediaSessionId: 'm', type: 'explode' }), { type: 'unknown', name: 'sendStreamEvent' });
  t.deepEqual(parse('sessionDebug', { command: 'explode' }), { type: 'unknown', name: 'sessionDebug' });
  t.deepEqual(parse('__proto__'), { type: 'unknown', name: '__proto__' });
  t.deepEqual(parseClientMessage('{"message":"pong"}'), { type: 'pong' });
});

test('what is no message is refused with the reason', (t) => {
  for (const [text, reason] of [['', /not JSON/], ['{"message":1}', /no name/], ['null', /no name/], ['['.repeat(65), /deeper/], [`{"message":"x","data":[${'{"a":'.repeat(70)}`, /deeper/]] as const) {
    t.throws(() => parseClientMessage(text), { instanceOf: ProtocolError, message: reason }, text.slice(0, 30));
  }
  // Brackets in texts are no nesting.
  t.deepEqual(parse('['.repeat(100) + '\\"{'), { type: 'unknown', name: '['.repeat(100) + '\\"{' });
});

test('every message of the server has an array of data, and a status where the SDK needs one', (t) => {
  const stream = { appKey: 'a', sessionId: 's', mediaSessionId: 'm', name: 'n', published: true, hasVideo: true, hasAudio: true, record: false, width: 0, height: 0, bitrate: 0, quality: 0, mediaProvider: 'WebRTC' };
  t.is(encodeServerMessage({ type: 'ping' }), '{"message":"ping","data":[null]}');
  t.deepEqual(JSON.parse(encodeServerMessage({ type: 'setRemoteSDP', id: 'm', sdp: 'v=0' })), { message: 'setRemoteSDP', data: ['m', 'v=0'] });
  t.deepEqual(JSON.parse(encodeServerMessage({ type: 'notifyStreamStatusEvent', stream, status: 'PUBLISHING' })), { message: 'notifyStreamStatusEvent', data: [{ ...stream, status: 'PUBLISHING' }] });
  t.deepEqual(JSON.parse(encodeServerMessage({ type: 'availableStream', id: 'm', available: true })), { message: 'availableStream', data: [{ id: 'm', status: 'true', info: '' }] });
  t.deepEqual(JSON.parse(encodeServerMessage({ type: 'DataStatusEvent', operationId: 'o', accepted: false, info: 'no' })), { message: 'DataStatusEvent', data: [{ operationId: 'o', status: 'FAILED', info: 'no' }] });
  t.deepEqual(JSON.parse(encodeServerMessage({ type: 'fail', apiMethod: 'x', info: 'no' })), { message: 'fail', data: [{ apiMethod: 'x', status: 'FAILED', info: 'no' }] });
});

test('room commands are read from what applications send, and nothing else is taken for one', (t) => {
  t.deepEqual(parseRoomCommand({ command: 'join', options: { name: 'r', record: true } }), { type: 'join', room: 'r' });
  t.deepEqual(parseRoomCommand({ command: 'sendMessage', options: { roomConfig: { name: 'r' }, to: 'Bob', text: { any: 1 } } }), { type: 'sendMessage', room: 'r', to: 'Bob', text: { any: 1 } });
  for (const payload of [null, 'join', {}, { command: 'join' }, { command: 'join', options: { name: 7 } }, { command: 'sendMessage', options: { to: 'x' } }, { command: 'explode', options: { name: 'r' } }]) {
    t.is(parseRoomCommand(payload), undefined, JSON.stringify(payload));
  }
});

test('the answer to an MSE player says by its ports what will come', (t) => {
  t.regex(mseAnswer({ video: true, audio: { sampleRateHz: 44_100, channels: 2 } }), /m=video 1 RTP\/AVP 112\r\n[^]*m=audio 1 RTP\/AVP 103\r\na=rtpmap:103 mpeg4-generic\/44100\/2\r\n/);
  t.regex(mseAnswer({ video: true }), /m=video 1 [^]*m=audio 0 /);
  t.regex(mseAnswer({ video: false, audio: { sampleRateHz: 8000, channels: 1 } }), /m=video 0 [^]*m=audio 1 RTP\/AVP 96\r\n/);
});

const video = { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 0 } as const;
const audio = { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: 48_000, revision: 0, codecConfig: Uint8Array.of(0x11, 0x90) } as const;

function bytesOf(write: (out: UnitBuffer) => void): string {
  const out = new UnitBuffer();
  write(out);
  return out.bytes().toString('hex');
}

test('pictures and sounds are framed as the player reads them', (t) => {
  const frame = { dtsUs: 0, receivedAtMs: 0 };
  t.is(bytesOf((out) => appendFrame({ ...frame, track: video, ptsUs: 23_000, key: true, data: Uint8Array.of(0, 0, 0, 1, 0x65) }, out)), '8213' + '09' + '00000017' + '0000000a' + '1701000000' + '0000000165');
  t.is(bytesOf((out) => appendFrame({ ...frame, track: video, ptsUs: 63_400, key: false, data: Uint8Array.of(0, 0, 0, 1, 0x41) }, out)), '8213' + '09' + '0000003f' + '0000000a' + '2701000000' + '0000000141');
  t.is(bytesOf((out) => appendFrame({ ...frame, track: audio, ptsUs: 0, key: true, data: Uint8Array.of(0x21, 0x10) }, out)), '820c' + '08' + '00000000' + '00000003' + '01' + '2110');
});

test('the length of a message takes two or eight bytes where it must', (t) => {
  const head = (length: number): string => bytesOf((out) => appendFrame({ dtsUs: 0, receivedAtMs: 0, track: audio, ptsUs: 0, key: true, data: new Uint8Array(length) }, out)).slice(0, 20);
  t.is(head(115).slice(0, 4), '827d');
  t.is(head(116).slice(0, 8), '827e007e');
  t.is(head(65_525).slice(0, 8), '827effff');
  t.is(head(65_526), '827f0000000000010000');
});

test('configurations go without what High profiles append, which the player would take for another unit', (t) => {
  const sets = { sps: [Uint8Array.of(0x67, 100, 0, 30, 1)], pps: [Uint8Array.of(0x68, 2)] };
  const record = encodeAvcConfig({ profileIdc: 100, profileCompatibility: 0, levelIdc: 30, lengthSize: 4, ...sets, high: { chromaFormatIdc: 1, bitDepthLuma: 8, bitDepthChroma: 8, spsExtensions: [] } });
  t.true(parseAvcConfig(record).high !== undefined);
  const frames = bytesOf((out) => appendConfigs([{ ...video, codecConfig: record }, audio], 0, out));
  const expected = Buffer.from(record.subarray(0, record.length - 4)).toString('hex');
  t.is(frames, `82${(9 + 5 + record.length - 4).toString(16)}09000000000000${(5 + record.length - 4).toString(16).padStart(4, '0')}1700000000${expected}` + '820c' + '08' + '00000000' + '00000003' + '00' + '1190');
});
