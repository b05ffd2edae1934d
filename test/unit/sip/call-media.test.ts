import test from 'ava';
import { SdpDialogue, type LineSecurity, type MediaWish } from '../../../plugins/sip/media/session/sdp-dialogue.ts';
import { SourceLatch } from '../../../plugins/sip/media/session/source-latch.ts';
import { readSdp } from '../../../plugins/sip/media/wire/read-sdp.ts';

const FINGERPRINT = { algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') };
const wish = (more: Partial<MediaWish> = {}): MediaWish => ({ kinds: ['audio'], codecs: ['opus', 'pcmu', 'pcma', 'h264', 'vp8'], security: 'none', fingerprint: FINGERPRINT, address: '127.0.0.1', ports: { audio: 31_000, video: 31_002 }, ...more });
const sdp = (...lines: string[]): string => ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', ...lines, ''].join('\r\n');
const keysOf = (dialogue: SdpDialogue): Extract<LineSecurity, { type: 'sdes' }> | undefined => dialogue.agreed.map(({ security }) => security).find((security) => security?.type === 'sdes');
const CRYPTO = `a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 7).toString('base64')}`;

test('an answer takes the first format of the offer that both have, under its number, and the keys beside it', (t) => {
  const dialogue = new SdpDialogue(wish());
  const answer = dialogue.answer(sdp('m=audio 4000 RTP/AVP 18 8 0 96', 'a=rtpmap:96 telephone-event/8000', 'a=rtcp:4010'));
  t.regex(answer, /m=audio 31000 RTP\/AVP 8 96\r\n/);
  const [agreed] = dialogue.agreed;
  t.is(agreed?.format.track.codec, 'pcma');
  t.deepEqual(agreed?.events, { receiveType: 96, sendType: 96 });
  t.deepEqual(agreed?.remote, { address: '192.0.2.1', port: 4000, rtcpPort: 4010 });
  t.true(agreed?.sends === true && agreed.receives);
});

test('an answer refuses what it does not know, line by line, and takes one line of each kind', (t) => {
  const answer = new SdpDialogue(wish()).answer(sdp('m=application 5000 UDP/BFCP *', 'm=audio 4000 RTP/AVP 0', 'm=audio 4002 RTP/AVP 0', 'm=video 4004 UDP/TLS/RTP/SAVPF 96', 'a=rtpmap:96 VP8/90000'));
  t.deepEqual(answer.match(/m=\w+ \d+/g), ['m=application 0', 'm=audio 31000', 'm=audio 0', 'm=video 0']);
});

test('an offer with nothing in common is refused and changes nothing', (t) => {
  const dialogue = new SdpDialogue(wish());
  dialogue.answer(sdp('m=audio 4000 RTP/AVP 0'));
  t.throws(() => dialogue.answer(sdp('m=audio 4000 RTP/AVP 3')), { code: 'MEDIA_E_NO_COMMON_CODEC' });
  t.is(dialogue.agreed[0]?.format.track.codec, 'pcmu');
});

test('our offer lists both modes of H.264 and the keys of every clock; numbers of the two sides may differ', (t) => {
  const dialogue = new SdpDialogue(wish({ kinds: ['audio', 'video'] }));
  const offer = dialogue.offer();
  t.regex(offer, /m=audio 31000 RTP\/AVP 111 0 8 101 102/);
  t.regex(offer, /m=video 31002 RTP\/AVP 96 97 98/);
  dialogue.accept(sdp('m=audio 4000 RTP/AVP 97 98', 'a=rtpmap:97 opus/48000/2', 'a=rtpmap:98 telephone-event/48000', 'm=video 4002 RTP/AVP 97', 'a=rtpmap:97 H264/90000', 'a=fmtp:97 packetization-mode=0'));
  const [audio, video] = dialogue.agreed;
  t.deepEqual([audio?.format.receiveType, audio?.format.sendType, audio?.events], [111, 97, { receiveType: 102, sendType: 98 }]);
  t.false(video?.format.sendable, 'packets of the bus do not fit into mode 0');
});

test('hold is asked for by sendonly, answered by recvonly, and the version of our description rises', (t) => {
  const dialogue = new SdpDialogue(wish());
  dialogue.offer();
  dialogue.accept(sdp('m=audio 4000 RTP/AVP 0'));
  const versionOf = (text: string): number => Number(/^o=- \d+ (\d+)/m.exec(text)?.[1]);
  const held = dialogue.offer(true);
  t.regex(held, /m=audio 31000 RTP\/AVP 0\r\n[^]*a=sendonly/);
  t.true(dialogue.held);
  const answer = dialogue.answer(sdp('m=audio 4000 RTP/AVP 0', 'a=sendonly'));
  t.regex(answer, /a=inactive/, 'both hold');
  t.true(versionOf(answer) > versionOf(held));
  dialogue.offer(false);
  t.regex(dialogue.answer(sdp('m=audio 4000 RTP/AVP 0', 'a=sendonly')), /a=recvonly/);
  t.false(dialogue.agreed[0]?.sends);
});

test('the address of nobody is hold, as old phones say it', (t) => {
  const [section] = readSdp(sdp('m=audio 4000 RTP/AVP 0', 'c=IN IP4 0.0.0.0'));
  t.is(section?.direction, 'sendonly');
});

test('keys in a description are answered under their tag, and keys beside plain RTP are passed over', (t) => {
  const secure = new SdpDialogue(wish());
  t.regex(secure.answer(sdp('m=audio 4000 RTP/SAVP 0', 'a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA', CRYPTO)), /a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:/);
  t.deepEqual(keysOf(secure)?.remote.masterKey, new Uint8Array(16).fill(7));
  const plain = new SdpDialogue(wish());
  t.notRegex(plain.answer(sdp('m=audio 4000 RTP/AVP 0', CRYPTO)), /a=crypto/);
  t.is(plain.agreed[0]?.security, undefined);
  t.throws(() => new SdpDialogue(wish()).answer(sdp('m=audio 4000 RTP/SAVP 0')), { code: 'MEDIA_E_NO_COMMON_CODEC' });
});

const THEIRS = Array.from({ length: 32 }, () => '0f').join(':');

test('DTLS is offered so that the other side may choose who begins, and answered as it wishes; whoever names no certificate is refused', (t) => {
  const offering = new SdpDialogue(wish({ security: 'dtls' }));
  const offer = offering.offer();
  t.regex(offer, /m=audio 31000 UDP\/TLS\/RTP\/SAVP /);
  t.regex(offer, /a=setup:actpass\r\n/);
  t.regex(offer, /a=fingerprint:sha-256 AB:AB/);
  const theirs = [`a=fingerprint:SHA-256 ${THEIRS}`, 'm=audio 4000 UDP/TLS/RTP/SAVP 0'];
  t.throws(() => offering.accept(sdp(...theirs, 'a=setup:holdconn')), { code: 'MEDIA_E_NO_COMMON_CODEC' }, 'nobody would begin');
  t.throws(() => offering.accept(sdp('m=audio 4000 UDP/TLS/RTP/SAVP 0', 'a=setup:active')), { code: 'MEDIA_E_NO_COMMON_CODEC' });
  offering.accept(sdp(...theirs, 'a=setup:active'));
  t.deepEqual(offering.agreed[0]?.security, { type: 'dtls', role: 'server', fingerprints: [{ algorithm: 'sha-256', value: THEIRS.toUpperCase() }] });
  t.regex(offering.offer(), /a=setup:passive\r\n/, 'as it is');
  const beginning = new SdpDialogue(wish({ security: 'dtls' }));
  beginning.offer();
  beginning.accept(sdp(...theirs, 'a=setup:passive'));
  t.like(beginning.agreed[0]?.security, { role: 'client' });
  t.regex(beginning.answer(sdp(...theirs, 'a=setup:actpass')), /a=setup:active\r\n/, 'the handshake has been');
  t.regex(new SdpDialogue(wish()).answer(sdp(...theirs, 'a=setup:passive')), /a=setup:active\r\n/);
  const answering = new SdpDialogue(wish());
  t.regex(answering.answer(sdp(...theirs, 'a=setup:actpass')), /m=audio 31000 UDP\/TLS\/RTP\/SAVP 0\r\n[^]*a=setup:passive/);
  t.throws(() => new SdpDialogue(wish()).answer(sdp('m=audio 4000 UDP/TLS/RTP/SAVP 0', 'a=fingerprint:sha-256 AB:CD', 'a=setup:actpass')), { code: 'MEDIA_E_NO_COMMON_CODEC' });
});

test('a dialogue goes on from its plain data', (t) => {
  const first = new SdpDialogue(wish());
  first.answer(sdp('m=audio 4000 RTP/SAVP 0', CRYPTO));
  const second = new SdpDialogue(wish(), structuredClone(first.exportState()));
  t.deepEqual(second.agreed, first.agreed);
  t.is(second.offer(), first.offer());
});

const SIGNALLED = { address: '192.0.2.1', port: 4000 };
const ELSEWHERE = { address: '198.51.100.7', port: 9000 };

test('media is learned from elsewhere once, soon after a description, and whoever comes later is nobody', (t) => {
  const latch = new SourceLatch('learned');
  latch.describe(SIGNALLED, 0);
  t.true(latch.admit(ELSEWHERE, 1, 1000));
  t.deepEqual(latch.destination, ELSEWHERE);
  t.false(latch.admit({ address: '203.0.113.9', port: 1 }, 1, 1100));
  t.false(latch.admit(SIGNALLED, 1, 1200));
  const late = new SourceLatch('learned');
  late.describe(SIGNALLED, 0);
  t.false(late.admit(ELSEWHERE, 1, 6000));
  t.true(late.admit(SIGNALLED, 1, 6000));
});

test('another family is never learned, a strict latch believes the signalled address only, a new description opens it again', (t) => {
  const latch = new SourceLatch('learned');
  latch.describe(SIGNALLED, 0);
  t.false(latch.admit({ address: '2001:db8::1', port: 9000 }, 1, 10));
  const strict = new SourceLatch('signalled');
  strict.describe(SIGNALLED, 0);
  t.false(strict.admit(ELSEWHERE, 1, 10));
  t.true(strict.admit({ ...SIGNALLED, port: 4444 }, 1, 10));
  strict.describe(ELSEWHERE, 20);
  t.deepEqual(strict.destination, ELSEWHERE);
});

test('after a silence the same source may go on from elsewhere, another one may not', (t) => {
  const latch = new SourceLatch('learned');
  latch.describe(SIGNALLED, 0);
  latch.admit(SIGNALLED, 7, 10);
  t.false(latch.admit(ELSEWHERE, 7, 1000));
  t.false(latch.admit(ELSEWHERE, 8, 5000));
  t.true(new SourceLatch('learned', structuredClone(latch.exportState())).admit(ELSEWHERE, 7, 5000));
});
