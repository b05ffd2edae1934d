import test from 'ava';
import { ProtocolError, WcsError } from '../../../core/errors/wcs-error.ts';
import { SRTP_SOURCES_MAX, SrtpReceiver } from '../../../core/rtp/srtp/receiver.ts';
import { parseSdesCrypto } from '../../../core/rtp/srtp/sdes.ts';
import { rtcpPacket, rtpPacket, srtpKeys, TestSrtpSender } from '../../support/srtp.ts';

const KEYS = srtpKeys('AES_CM_128_HMAC_SHA1_80');
/** @see RFC 4568 section 6.1 */
const INLINE = 'inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';

test('a packet older than the window counts as replayed', (t) => {
  const sender = new TestSrtpSender(KEYS);
  const receiver = new SrtpReceiver(KEYS);
  const arrive = (sequence: number): unknown => receiver.unprotectRtp(sender.rtp(rtpPacket(sequence, new Uint8Array(4)), sequence));
  arrive(1000);
  arrive(1128);
  t.is(arrive(1000), 'replayed');
  t.deepEqual(arrive(1001), rtpPacket(1001, new Uint8Array(4)));
});

test('keys that do not fit the profile are refused before anything is sent or received', (t) => {
  const error = t.throws(() => new SrtpReceiver({ ...KEYS, profile: 'AEAD_AES_128_GCM' }), { instanceOf: WcsError });
  t.regex(error.message, /salt of 12 bytes/);
  t.notRegex(error.message, new RegExp(Buffer.from(KEYS.masterKey).toString('hex'), 'i'));
});

test('a peer with the keys cannot make the table of sources grow without bound', (t) => {
  const sender = new TestSrtpSender(KEYS);
  const receiver = new SrtpReceiver(KEYS);
  for (let ssrc = 1; ssrc <= SRTP_SOURCES_MAX; ssrc++) receiver.unprotectRtp(sender.rtp(rtpPacket(1, new Uint8Array(1), ssrc), 1));
  t.is(receiver.unprotectRtp(sender.rtp(rtpPacket(1, new Uint8Array(1), 999), 1)), 'tooManySources');
  t.deepEqual(receiver.unprotectRtp(sender.rtp(rtpPacket(2, new Uint8Array(1), 5), 2)), rtpPacket(2, new Uint8Array(1), 5));
  t.is(receiver.state().rtp.length, SRTP_SOURCES_MAX);
});

test('RTP and RTCP of a source are told apart', (t) => {
  const sender = new TestSrtpSender(KEYS);
  const receiver = new SrtpReceiver(KEYS);
  t.deepEqual(receiver.unprotectRtcp(sender.rtcp(rtcpPacket(1), 1)), rtcpPacket(1));
  t.deepEqual(receiver.unprotectRtp(sender.rtp(rtpPacket(1, new Uint8Array(1), 1), 1)), rtpPacket(1, new Uint8Array(1), 1));
});

test('header extensions and CSRCs stay in the clear and are authenticated', (t) => {
  const rtp = new Uint8Array([0x91, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, 1, 2, 3]);
  for (const profile of ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_32'] as const) {
    const keys = srtpKeys(profile);
    const srtp = new TestSrtpSender(keys).rtp(rtp, 1);
    t.deepEqual(srtp.slice(0, 24), rtp.slice(0, 24));
    t.notDeepEqual(srtp.slice(24, 27), rtp.slice(24));
    t.deepEqual(new SrtpReceiver(keys).unprotectRtp(srtp.slice()), rtp);
    srtp[21] = 0;
    t.is(new SrtpReceiver(keys).unprotectRtp(srtp), 'authFailed');
  }
});

test('an SDES lifetime and a window size hint are accepted', (t) => {
  const parsed = parseSdesCrypto(`1 AES_CM_128_HMAC_SHA1_80 ${INLINE}|2^20 WSH=128`);
  t.is(parsed.type, 'supported');
  if (parsed.type !== 'supported') return;
  t.is(parsed.keys.masterKey.length, 16);
  t.is(Buffer.from(parsed.keys.masterSalt).toString('latin1').length, 14);
});

test('what SDES offers and this server has not is told apart from what is malformed', (t) => {
  const reasonOf = (value: string): string => {
    const parsed = parseSdesCrypto(value);
    return parsed.type === 'unsupported' ? parsed.reason : 'supported';
  };
  t.is(reasonOf(`2 F8_128_HMAC_SHA1_80 ${INLINE}`), 'the crypto suite is unknown');
  t.is(reasonOf(`2 AES_CM_128_HMAC_SHA1_80 ${INLINE}|2^20|1:4`), 'it has a master key identifier');
  t.is(reasonOf(`2 AES_CM_128_HMAC_SHA1_80 ${INLINE}|1:4`), 'it has a master key identifier');
  t.is(reasonOf(`2 AES_CM_128_HMAC_SHA1_80 ${INLINE};${INLINE}`), 'it has several master keys');
  t.is(reasonOf(`2 AES_CM_128_HMAC_SHA1_80 ${INLINE} UNENCRYPTED_SRTP`), 'a session parameter changes the packets');
  for (const value of ['', 'x AES_CM_128_HMAC_SHA1_80 inline:AA', '1 AES_CM_128_HMAC_SHA1_80', '1 AES_CM_128_HMAC_SHA1_80 inline:AAAA', '1 AES_CM_128_HMAC_SHA1_80 inline:!!', `1 ${'x'.repeat(2000)}`]) {
    t.throws(() => parseSdesCrypto(value), { instanceOf: ProtocolError });
  }
});
