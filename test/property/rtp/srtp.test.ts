import { createCipheriv } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { createFanoutEngine } from '../../../core/rtp/fanout/create.ts';
import { PureEngine } from '../../../core/rtp/fanout/pure.ts';
import { deriveSession } from '../../../core/rtp/srtp/key-derivation.ts';
import type { SrtpKeys } from '../../../core/rtp/srtp/keys.ts';
import { REPLAY_WINDOW_PACKETS, ReplayWindow } from '../../../core/rtp/srtp/replay-window.ts';
import { SrtpReceiver } from '../../../core/rtp/srtp/receiver.ts';
import { parseSdesCrypto, writeSdesCrypto } from '../../../core/rtp/srtp/sdes.ts';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { rtcpPacket, rtpPacket, SRTP_PROFILES, srtpKeys, TestSrtpSender } from '../../support/srtp.ts';

const RUNS = { numRuns: 60 };
const payload = fc.uint8Array({ maxLength: 400 });
/** Where a source may begin; a new source's roll-over counter is 0. */
const first = fc.integer({ min: 0, max: 0xffff });

/** Whatever opens packets here: node:crypto, and libcrypto where it can be called. */
const ENGINES = [new PureEngine(), createFanoutEngine({ tier: 'auto', log: { info: () => undefined } })].filter(({ tier }, at, all) => all.findIndex((other) => other.tier === tier) === at);

/** SRTCP without the E flag: nothing is encrypted, and all of it is associated data. @see RFC 7714 section 9.3 */
function authenticatedOnly(keys: SrtpKeys, rtcp: Uint8Array, index: number): Uint8Array {
  const { key, salt } = deriveSession(keys).rtcp;
  const word = Buffer.alloc(4);
  word.writeUInt32BE(index);
  const iv = Buffer.alloc(12);
  iv.set(rtcp.subarray(4, 8), 2);
  iv.set(word, 8);
  const cipher = createCipheriv('aes-128-gcm', key, iv.map((byte, at) => byte ^ (salt[at] ?? 0)));
  cipher.setAAD(Buffer.concat([rtcp, word]));
  cipher.final();
  return new Uint8Array(Buffer.concat([rtcp, cipher.getAuthTag(), word]));
}

for (const [engine, profile] of ENGINES.flatMap((each) => SRTP_PROFILES.map((name) => [each, name] as const))) {
  const keys = srtpKeys(profile);
  const sender = new TestSrtpSender(keys);

  test(`${engine.tier}, ${profile}: what is protected is opened, once`, (t) => {
    fc.assert(
      fc.property(payload, first, fc.integer({ min: 1, max: 0x7fffffff }), (data, sequence, index) => {
        const receiver = engine.openReceiver(keys);
        const rtp = rtpPacket(sequence, data);
        const srtp = sender.rtp(rtp, sequence);
        if (data.length >= 16) t.notDeepEqual(srtp.slice(0, rtp.length), rtp);
        t.deepEqual(receiver.unprotectRtp(srtp.slice()), rtp);
        t.is(receiver.unprotectRtp(srtp.slice()), 'replayed');
        const rtcp = rtcpPacket(7, data.length % 30);
        const srtcp = sender.rtcp(rtcp, index);
        t.deepEqual(receiver.unprotectRtcp(srtcp.slice()), rtcp);
        t.is(receiver.unprotectRtcp(srtcp.slice()), 'replayed');
        t.deepEqual(receiver.counters, { rtp: 1, rtcp: 1, tooShort: 0, authFailed: 0, replayed: 2, tooManySources: 0 });
      }),
      RUNS,
    );
  });

  if (profile === 'AEAD_AES_128_GCM') {
    test(`${engine.tier}, ${profile}: RTCP that is authenticated only is opened, and refused with any bit flipped`, (t) => {
      fc.assert(
        fc.property(fc.nat(20), fc.nat(0x7fffffff), fc.nat(), (words, index, where) => {
          const rtcp = rtcpPacket(7, words);
          const srtcp = authenticatedOnly(keys, rtcp, index);
          const flipped = srtcp.slice();
          const bit = where % (flipped.length * 8);
          flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          t.is(engine.openReceiver(keys).unprotectRtcp(flipped), 'authFailed');
          t.deepEqual(engine.openReceiver(keys).unprotectRtcp(srtcp), rtcp);
        }),
        RUNS,
      );
    });
  }

  test(`${engine.tier}, ${profile}: any flipped bit is refused, and the packet is left as it was`, (t) => {
    fc.assert(
      fc.property(payload, fc.nat(), fc.boolean(), (data, where, isRtcp) => {
        const receiver = engine.openReceiver(keys);
        const whole = isRtcp ? sender.rtcp(rtcpPacket(9, data.length % 20), 5) : sender.rtp(rtpPacket(77, data), 77);
        const bit = where % (whole.length * 8);
        const flipped = whole.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const before = flipped.slice();
        const result = isRtcp ? receiver.unprotectRtcp(flipped) : receiver.unprotectRtp(flipped);
        t.true(result === 'authFailed' || result === 'tooShort', String(result));
        t.deepEqual(flipped, before);
      }),
      { numRuns: 200 },
    );
  });

  test(`${engine.tier}, ${profile}: a truncated packet or noise is refused without a throw`, (t) => {
    const srtp = sender.rtp(rtpPacket(5, new Uint8Array(40)), 5);
    const srtcp = sender.rtcp(rtcpPacket(5, 4), 5);
    const receiver = engine.openReceiver(keys);
    for (let length = 0; length < srtp.length; length++) t.is(typeof receiver.unprotectRtp(srtp.slice(0, length)), 'string');
    for (let length = 0; length < srtcp.length; length++) t.is(typeof receiver.unprotectRtcp(srtcp.slice(0, length)), 'string');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        t.is(typeof receiver.unprotectRtp(noise), 'string');
        t.is(typeof receiver.unprotectRtcp(noise), 'string');
      }),
      RUNS,
    );
    t.deepEqual(receiver.state(), { rtp: [], rtcp: [] });
  });

  test(`${engine.tier}, ${profile}: packets out of order inside the window all come through, over any wrap, and through a hand-over`, (t) => {
    const near = fc.oneof(first, fc.integer({ min: 0xff80, max: 0xffff }), fc.integer({ min: 0, max: 20 }));
    fc.assert(
      fc.property(near, fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 80, maxLength: 160 }), fc.nat(79), (start, delays, swapAt) => {
        let receiver = engine.openReceiver(keys);
        const order = delays.map((delay, at) => ({ at, when: at === 0 ? -1 : at + delay })).sort((a, b) => a.when - b.when);
        for (const [position, { at }] of order.entries()) {
          if (position === swapAt) receiver = engine.openReceiver(keys, { state: structuredClone(receiver.state()) });
          const rtp = rtpPacket(start + at, new Uint8Array([at]));
          t.deepEqual(receiver.unprotectRtp(sender.rtp(rtp, start + at)), rtp);
          t.is(receiver.unprotectRtp(sender.rtp(rtp, start + at)), 'replayed');
        }
      }),
      { numRuns: 15 },
    );
  });
}

test('a receiver follows the roll-over counter over many wraps', (t) => {
  const keys = srtpKeys('AEAD_AES_128_GCM');
  const sender = new TestSrtpSender(keys);
  const receiver = new SrtpReceiver(keys);
  for (let sequence = 100; sequence < 20 * 0x10000; sequence += 30_001) {
    t.deepEqual(receiver.unprotectRtp(sender.rtp(rtpPacket(sequence, new Uint8Array(3)), sequence)), rtpPacket(sequence, new Uint8Array(3)));
  }
  t.true((receiver.state().rtp[0]?.highest ?? 0) > 19 * 0x10000);
});

test('a source whose packets before its first wrap were all lost is heard', (t) => {
  for (const profile of SRTP_PROFILES) {
    const keys = srtpKeys(profile);
    const sender = new TestSrtpSender(keys);
    const receiver = new SrtpReceiver(keys);
    for (const sequence of [0x10002, 0xffff, 0x10001]) t.deepEqual(receiver.unprotectRtp(sender.rtp(rtpPacket(sequence, new Uint8Array(9)), sequence)), rtpPacket(sequence, new Uint8Array(9)));
  }
});

test('a replay window answers as a set of all indices would', (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 2 ** 33, max: 2 ** 33 + 300 })), { maxLength: 300 }), (indices) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      let highest = -1;
      for (const index of indices) {
        const isNew = !seen.has(index) && highest - index < REPLAY_WINDOW_PACKETS;
        t.is(window.isNew(index), isNew);
        if (!isNew) continue;
        window.accept(index);
        seen.add(index);
        highest = Math.max(highest, index);
      }
    }),
    RUNS,
  );
});

test('SDES attributes are read as they are written, and noise throws a ProtocolError at most', (t) => {
  for (const profile of SRTP_PROFILES) {
    const keys = srtpKeys(profile);
    t.deepEqual(parseSdesCrypto(writeSdesCrypto(3, keys)), { type: 'supported', tag: 3, keys });
  }
  const line = writeSdesCrypto(1, srtpKeys('AES_CM_128_HMAC_SHA1_80'));
  fc.assert(
    fc.property(fc.nat(line.length), fc.string({ maxLength: 6 }), fc.nat(4), (at, text, cut) => {
      try {
        parseSdesCrypto(line.slice(0, at) + text + line.slice(at + cut));
      } catch (error) {
        t.true(error instanceof ProtocolError);
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});
