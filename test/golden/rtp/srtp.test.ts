import test from 'ava';
import { createSrtpCipher } from '../../../core/rtp/srtp/create-cipher.ts';
import { deriveSession, type SrtpSession } from '../../../core/rtp/srtp/key-derivation.ts';
import { SrtpReceiver } from '../../../core/rtp/srtp/receiver.ts';
import { hex, TestSrtpSender } from '../../support/srtp.ts';

/** @see RFC 3711 appendix B.3, RFC 7714 sections 16.1.1 and 17.1 */
const MASTER = { masterKey: hex('E1F97A0D3E018BE0D64FA32C06DE4139'), masterSalt: hex('0EC675AD498AFEEBB6960B3AABE6') };
const GALLIA = '47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573';

function session(key: string, salt: string): SrtpSession {
  const keys = { key: hex(key), salt: hex(salt), authKey: new Uint8Array(20) };
  return { rtp: keys, rtcp: keys };
}

test('session keys are those of RFC 3711 appendix B.3', (t) => {
  const { rtp } = deriveSession({ profile: 'AES_CM_128_HMAC_SHA1_80', ...MASTER });
  t.deepEqual(new Uint8Array(rtp.key), hex('C61E7A93744F39EE10734AFE3FF7A087'));
  t.deepEqual(new Uint8Array(rtp.salt), hex('30CBBC08863D8C85D49DB34A9AE1'));
  t.deepEqual(new Uint8Array(rtp.authKey), hex('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4'));
});

test('the counter mode keystream is that of RFC 3711 appendix B.2, from its first block to its last', (t) => {
  const cipher = createSrtpCipher('AES_CM_128_HMAC_SHA1_80', session('2B7E151628AED2A6ABF7158809CF4F3C', 'F0F1F2F3F4F5F6F7F8F9FAFBFCFD'));
  // The appendix lists blocks 0000 to 0002 and FEFF to FF01; sequence number, roll-over counter and SSRC are 0.
  const packet = new Uint8Array(12 + 0xff02 * 16);
  packet[0] = 0x80;
  const out = new Uint8Array(packet.length + 16);
  cipher.protectRtp(packet, 12, 0, out);
  const block = (index: number): Uint8Array => out.slice(12 + index * 16, 28 + index * 16);
  t.deepEqual(block(0), hex('E03EAD0935C95E80E166B16DD92B4EB4'));
  t.deepEqual(block(1), hex('D23513162B02D0F72A43A2FE4A5F97AB'));
  t.deepEqual(block(2), hex('41E95B3BB0A2E8DD477901E4FCA894C0'));
  t.deepEqual(block(0xfeff), hex('EC8CDF7398607CB0F2D21675EA9EA1E4'));
  t.deepEqual(block(0xff00), hex('362B7C3C6773516318A077D7FC5073AE'));
  t.deepEqual(block(0xff01), hex('6A2CC3787889374FBEB4C81B17BA6C44'));
});

test('counter mode packets are those that other implementations exchange as a check', (t) => {
  const keys = { profile: 'AES_CM_128_HMAC_SHA1_80', ...MASTER } as const;
  const sender = new TestSrtpSender(keys);
  const rtp = hex('800f1234 decafbad cafebabe abababab abababab abababab abababab');
  const srtp = hex('800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb');
  t.deepEqual(sender.rtp(rtp, 0x1234), srtp);
  const rtcp = hex('81c8000b cafebabe abababab abababab abababab abababab');
  const srtcp = hex('81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798');
  t.deepEqual(sender.rtcp(rtcp, 1), srtcp);
  const receiver = new SrtpReceiver(keys);
  t.deepEqual(receiver.unprotectRtp(srtp), rtp);
  t.deepEqual(receiver.unprotectRtcp(srtcp), rtcp);
});

test('GCM packets are those of RFC 7714 sections 16.1.1 and 17.1', (t) => {
  const cipher = createSrtpCipher('AEAD_AES_128_GCM', session('000102030405060708090a0b0c0d0e0f', '517569642070726f2071756f'));
  const rtp = hex(`8040f17b 8041f8d3 5501a0b2 ${GALLIA}`);
  const srtp = hex('8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce');
  const out = new Uint8Array(200);
  t.deepEqual(out.slice(0, cipher.protectRtp(rtp, 12, 0xf17b, out)), srtp);
  t.deepEqual(cipher.openRtp(srtp, 12, 0xf17b), rtp);
  const rtcp = hex('81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef');
  const srtcp = hex('81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4');
  t.deepEqual(out.slice(0, cipher.protectRtcp(rtcp, 0x5d4, out)), srtcp);
  t.is(cipher.rtcpIndex(srtcp), 0x5d4);
  t.deepEqual(cipher.openRtcp(srtcp), rtcp);
});

test('a GCM packet whose RTCP is authenticated only is opened as RFC 7714 section 17.3 has it', (t) => {
  const cipher = createSrtpCipher('AEAD_AES_128_GCM', session('000102030405060708090a0b0c0d0e0f', '517569642070726f2071756f'));
  const rtcp = '81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef';
  const srtcp = hex(`${rtcp} 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4`);
  t.deepEqual(cipher.openRtcp(srtcp), hex(rtcp));
});
