import { hash } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import type { FanoutEngine, FanoutPacket } from '../../../core/rtp/fanout/engine.ts';
import { createFanoutEngine } from '../../../core/rtp/fanout/create.ts';
import type { SrtpProfile } from '../../../core/rtp/srtp/keys.ts';
import { SrtpReceiver } from '../../../core/rtp/srtp/receiver.ts';
import { destinationOf, openRtpSocket, RtpInbox } from '../../support/rtp-loopback.ts';
import { rtcpPacket, rtpPacket, SRTP_PROFILES, srtpKeys } from '../../support/srtp.ts';

const log = { info: () => undefined };
/** One suite for all tiers that this system has: both on Linux, where koffi comes with the checkout. */
const TIERS = process.platform === 'linux' ? (['pure', 'ffi'] as const) : (['pure'] as const);
const ENGINES = TIERS.map((tier) => createFanoutEngine({ tier, log }));

const MEMBERS = [
  { ssrc: 0xa1b2c3d4, payloadType: 96, sequenceOffset: 0 },
  { ssrc: 0x01020304, payloadType: 127, sequenceOffset: 1000 },
  { ssrc: 0xffffffff, payloadType: 0, sequenceOffset: -90 },
] as const;

/** Packets whose payloads have these lengths. */
function burstOf(first: number, lengths: readonly number[], marker = true): FanoutPacket[] {
  return lengths.map((length, at) => {
    const sequence = first + at;
    const rtp = rtpPacket(sequence, Uint8Array.from({ length }, (_, byte) => (byte * 31 + sequence) & 0xff), 0x55555555);
    if (marker && at === lengths.length - 1) rtp[1] = (rtp[1] ?? 0) | 0x80;
    return { rtp, sequence };
  });
}

/** Every shape of burst, over a wrap of the sequence number; it starts at 100, so that each member's first roll-over counter is 0. */
const BURSTS: readonly (readonly FanoutPacket[])[] = [
  burstOf(100, [1200, 1200, 1200, 1200, 1200, 1200, 317]),
  burstOf(107, [1]),
  burstOf(108, [0, 160]),
  burstOf(30_000, [900, 1200, 1200, 40, 40, 40, 1100, 7]),
  burstOf(50_000, new Array<number>(60).fill(1180)),
  burstOf(65_500, [...new Array<number>(70).fill(500), 3]),
  [{ rtp: withExtension(90_000), sequence: 90_000 }],
  burstOf(90_001, [1390, 1390]),
  burstOf(90_003, [5000, 5000, 5000]),
];

/** Two CSRCs, a header extension and two bytes of padding. */
function withExtension(sequence: number): Uint8Array {
  return new Uint8Array([0xb2, 96, (sequence >> 8) & 0xff, sequence & 0xff, 0, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, 1, 2, 3, 0, 0, 2]);
}

/** What a member is to get: its own header fields over the group's. */
function expectedFor(member: (typeof MEMBERS)[number], { rtp, sequence }: FanoutPacket): Uint8Array {
  const expected = rtp.slice();
  const view = new DataView(expected.buffer);
  expected[1] = ((expected[1] ?? 0) & 0x80) | member.payloadType;
  view.setUint16(2, (sequence + member.sequenceOffset) & 0xffff);
  view.setUint32(8, member.ssrc);
  return expected;
}

interface Run {
  readonly address: string;
  readonly inboxAddress: string;
  readonly profile: SrtpProfile | undefined;
}

/** Sends everything through an engine and answers what each member got on the wire. */
async function sendAll(t: ExecutionContext, engine: FanoutEngine, { address, inboxAddress, profile }: Run): Promise<Uint8Array[][]> {
  const { socket, close } = await openRtpSocket(engine, address);
  const group = engine.openGroup();
  const viewers = await Promise.all(
    MEMBERS.map(async (header, seed) => {
      const inbox = await RtpInbox.open(inboxAddress);
      const sender = engine.openSender({ destination: destinationOf(inbox, socket), keys: profile === undefined ? undefined : srtpKeys(profile, seed) });
      return { inbox, sender, member: group.add(sender, header), got: [] as Uint8Array[] };
    }),
  );
  for (const burst of BURSTS) {
    group.send(burst);
    for (const { inbox, got } of viewers) got.push(...(await inbox.take(burst.length)));
  }
  for (const { sender, inbox, got } of viewers) {
    for (const words of [0, 6, 200]) sender.sendRtcp(rtcpPacket(9, words));
    const resent = rtpPacket(65_540, new Uint8Array(800), 77);
    sender.sendRtp(resent, 65_540);
    sender.sendRtp(resent, 65_540);
    got.push(...(await inbox.take(5)));
    t.is(sender.srtcpIndex, 3);
  }
  const count = BURSTS.flat().length;
  for (const { sender, member, got } of viewers) {
    t.deepEqual({ packets: member.packets, octets: member.octets }, { packets: count, octets: BURSTS.flat().reduce((sum, { rtp }) => sum + (rtp[0] === 0xb2 ? 4 : rtp.length - 12), 0) });
    t.deepEqual(sender.counters, { packets: count + 5, bytes: got.reduce((sum, packet) => sum + packet.length, 0), dropped: 0 });
    sender.close();
  }
  for (const { inbox } of viewers) inbox.close();
  close();
  return viewers.map(({ got }) => got);
}

/** As `deepEqual`, which takes seconds over so many bytes. */
function same(t: ExecutionContext, got: Uint8Array | string, expected: Uint8Array): void {
  t.is(typeof got === 'string' ? got : Buffer.from(got).toString('hex'), Buffer.from(expected).toString('hex'));
}

function checkOpened(t: ExecutionContext, wire: readonly Uint8Array[], at: number, profile: SrtpProfile | undefined): void {
  const member = MEMBERS[at];
  if (member === undefined) return;
  const receiver = profile === undefined ? undefined : new SrtpReceiver(srtpKeys(profile, at));
  const packets = BURSTS.flat();
  for (const [index, packet] of packets.entries()) {
    const got = wire[index] ?? new Uint8Array();
    same(t, receiver === undefined ? got : receiver.unprotectRtp(got.slice()), expectedFor(member, packet));
  }
  for (const [index, words] of [0, 6, 200].entries()) {
    const got = wire[packets.length + index] ?? new Uint8Array();
    same(t, receiver === undefined ? got : receiver.unprotectRtcp(got.slice()), rtcpPacket(9, words));
  }
  t.deepEqual(wire.at(-1), wire.at(-2));
  if (receiver !== undefined) {
    t.deepEqual(receiver.unprotectRtp((wire.at(-1) ?? new Uint8Array()).slice()), rtpPacket(65_540, new Uint8Array(800), 77));
    t.is(receiver.unprotectRtp((wire.at(-2) ?? new Uint8Array()).slice()), 'replayed');
  }
}

/** Short enough to be shown when they differ. */
function digests(wire: readonly (readonly Uint8Array[])[] = []): string[][] {
  return wire.map((packets) => packets.map((packet) => `${packet.length} ${hash('sha1', packet)}`));
}

const RUNS: readonly Run[] = [
  ...[undefined, ...SRTP_PROFILES].map((profile) => ({ address: '127.0.0.1', inboxAddress: '127.0.0.1', profile })),
  { address: '::1', inboxAddress: '::1', profile: 'AEAD_AES_128_GCM' },
  { address: '::', inboxAddress: '127.0.0.1', profile: 'AEAD_AES_128_GCM' },
];

for (const run of RUNS) {
  test(`${run.profile ?? 'plain RTP'} from ${run.address} to ${run.inboxAddress}: every tier puts the same bytes on the wire, and a receiver opens them`, async (t) => {
    const wires: Uint8Array[][][] = [];
    for (const engine of ENGINES) wires.push(await sendAll(t, engine, run));
    for (const wire of wires) {
      t.deepEqual(digests(wire), digests(wires[0]));
      for (const [at, packets] of wire.entries()) checkOpened(t, packets, at, run.profile);
    }
  });
}

for (const engine of ENGINES) {
  const keys = srtpKeys('AES_CM_128_HMAC_SHA1_80');
  const burst = burstOf(5, [300, 300, 100]);

  test(`${engine.tier}: a peer on a stream, and one behind a socket without a descriptor, get what others get`, async (t) => {
    const { socket, close } = await openRtpSocket(engine);
    const inbox = await RtpInbox.open();
    const written: Uint8Array[] = [];
    const sent: Uint8Array[] = [];
    const group = engine.openGroup();
    const header = { ssrc: 4, payloadType: 100, sequenceOffset: 1 };
    group.add(engine.openSender({ keys, destination: { type: 'stream', write: (packet) => written.push(packet) } }), header);
    group.add(engine.openSender({ keys, destination: destinationOf(inbox, socket) }), header);
    group.add(engine.openSender({ keys, destination: { type: 'udp', address: '127.0.0.1', port: 1, socket: { send: (data) => sent.push(data) } } }), header);
    group.send(burst);
    group.send(burst);
    const got = await inbox.take(6);
    t.deepEqual(written.map((packet) => new Uint8Array(packet)), got);
    t.deepEqual(sent.map((packet) => new Uint8Array(packet)), got);
    group.close();
    t.is(group.size, 0);
    inbox.close();
    close();
  });

  test(`${engine.tier}: a peer that moves gets its packets at the new place, and none after it is closed`, async (t) => {
    const { socket, close } = await openRtpSocket(engine);
    const [here, there] = [await RtpInbox.open(), await RtpInbox.open()];
    let closed = 0;
    const sender = engine.openSender({ keys, destination: destinationOf(here, socket), onClose: () => closed++ });
    const group = engine.openGroup();
    const member = group.add(sender, { ssrc: 4, payloadType: 100, sequenceOffset: 1 });
    group.send(burst);
    t.is((await here.take(3)).length, 3);
    sender.setDestination(destinationOf(there, socket));
    group.send(burst);
    t.is((await there.take(3)).length, 3);
    sender.close();
    sender.close();
    group.send(burst);
    sender.sendRtp(burst[0]!.rtp, 5);
    sender.sendRtcp(rtcpPacket(1));
    t.deepEqual([closed, sender.counters.packets, sender.counters.dropped], [1, 6, 0]);
    member.remove();
    member.remove();
    t.is(group.size, 0);
    t.is(here.received.length + there.received.length, 0);
    for (const inbox of [here, there]) inbox.close();
    close();
  });

  test(`${engine.tier}: members may leave and senders close while a burst is on its way`, (t) => {
    const group = engine.openGroup();
    const got = [0, 0, 0, 0, 0];
    const header = { ssrc: 4, payloadType: 100, sequenceOffset: 0 };
    const members = got.map((_, at) => {
      const sender = engine.openSender({
        keys,
        destination: {
          type: 'stream',
          write: () => {
            got[at]!++;
            if (at !== 1) return;
            members[0]?.remove();
            members[3]?.remove();
            sender.close();
          },
        },
      });
      return group.add(sender, header);
    });
    group.send(burst);
    t.deepEqual(got, [3, 1, 3, 0, 3]);
    t.is(group.size, 3);
    group.send(burst);
    t.deepEqual(got, [3, 1, 6, 0, 6]);
    t.is(members[4]?.packets, 6);
    t.is(members[0]?.packets, 3);
  });

  test(`${engine.tier}: what is no RTP, too long, or before the first sequence number is left out`, (t) => {
    const written: Uint8Array[] = [];
    const sender = engine.openSender({ destination: { type: 'stream', write: (packet) => written.push(packet) } });
    const group = engine.openGroup();
    group.add(sender, { ssrc: 4, payloadType: 100, sequenceOffset: -100 });
    group.send([...burstOf(105, [20]), { rtp: new Uint8Array(5), sequence: 106 }, { rtp: rtpPacket(107, new Uint8Array(9000)), sequence: 107 }]);
    t.is(written.length, 1);
    group.send(burstOf(50, [20, 20]));
    sender.sendRtp(new Uint8Array(3), 1);
    sender.sendRtcp(new Uint8Array(3));
    t.is(written.length, 1);
    t.is(sender.counters.dropped, 4);
    group.send([]);
    t.is(group.size, 1);
  });

  test(`${engine.tier}: a group holds many members, and its fields follow them when others leave`, (t) => {
    const group = engine.openGroup();
    const got = new Map<number, Uint8Array>();
    const members = Array.from({ length: 100 }, (_, ssrc) =>
      group.add(engine.openSender({ destination: { type: 'stream', write: (packet) => got.set(ssrc, packet) } }), { ssrc, payloadType: 96, sequenceOffset: ssrc }),
    );
    group.send(burstOf(1, [10]));
    for (let at = 0; at < 100; at += 3) members[at]?.remove();
    got.clear();
    group.send(burstOf(2, [10]));
    t.is(group.size, 66);
    t.is(got.size, 66);
    for (const [ssrc, packet] of got) {
      const view = new DataView(packet.buffer, packet.byteOffset);
      t.deepEqual([view.getUint32(8), view.getUint16(2), members[ssrc]?.packets, members[ssrc]?.octets], [ssrc, 2 + ssrc, 2, 20]);
    }
    group.close();
  });
}

test('a sender of one engine is refused by the groups of another', (t) => {
  const sender = ENGINES[0]!.openSender({ destination: { type: 'stream', write: () => undefined } });
  const other = TIERS.length > 1 ? ENGINES[1]! : undefined;
  if (other !== undefined) t.throws(() => other.openGroup().add(sender, { ssrc: 1, payloadType: 96, sequenceOffset: 0 }), { code: 'INTERNAL_E_FAULT' });
  t.notThrows(() => ENGINES[0]!.openGroup().add(sender, { ssrc: 1, payloadType: 96, sequenceOffset: 0 }));
});
