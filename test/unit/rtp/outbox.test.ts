import test from 'ava';
import type { FanoutGroup, RtpSender } from '../../../core/rtp/fanout/engine.ts';
import { FfiEngine } from '../../../core/rtp/fanout/ffi.ts';
import { LINUX, loadNativeLibrary, type NativeLibrary } from '../../../core/rtp/fanout/native-library.ts';
import { destinationOf, openRtpSocket, RtpInbox } from '../../support/rtp-loopback.ts';
import { rtpPacket, srtpKeys } from '../../support/srtp.ts';

/** The engine exists on Linux alone. */
const onLinux = process.platform === 'linux' ? test : test.skip;
const SEVEN = Array.from({ length: 7 }, (_, at) => ({ rtp: rtpPacket(at, new Uint8Array(at < 6 ? 1000 : 200)), sequence: at }));

/** A library whose `sendmmsg` is answered by `refuse` with an error number, or 0 for the system's own answer. */
function refusingLibrary(refuse: (call: number) => number): { readonly library: NativeLibrary; readonly calls: number[] } {
  const library = loadNativeLibrary();
  const calls: number[] = [];
  let refused = 0;
  return {
    calls,
    library: {
      ...library,
      errno: () => refused || library.errno(),
      sendmmsg: (fd, messages, count, flags) => {
        calls.push(count);
        refused = refuse(calls.length);
        return refused === 0 ? library.sendmmsg(fd, messages, count, flags) : -1;
      },
    },
  };
}

interface SetUp {
  readonly group: FanoutGroup;
  readonly senders: readonly RtpSender[];
  readonly inbox: RtpInbox;
  readonly inboxes: readonly RtpInbox[];
  readonly calls: readonly number[];
  readonly finish: () => void;
}

async function setUp(refuse: (call: number) => number, viewers: number, inboxCount = 1): Promise<SetUp> {
  const { library, calls } = refusingLibrary(refuse);
  const engine = new FfiEngine(library);
  const sending = await openRtpSocket(engine);
  const inbox = await RtpInbox.open();
  const inboxes = [inbox, ...(await Promise.all(Array.from({ length: inboxCount - 1 }, () => RtpInbox.open())))];
  const group = engine.openGroup();
  const senders = Array.from({ length: viewers }, (_, ssrc) => {
    const sender = engine.openSender({ destination: destinationOf(inboxes[ssrc % inboxCount] ?? inbox, sending.socket), keys: srtpKeys('AEAD_AES_128_GCM', ssrc) });
    group.add(sender, { ssrc, payloadType: 96, sequenceOffset: 0 });
    return sender;
  });
  const finish = (): void => {
    for (const sender of senders) sender.close();
    for (const opened of inboxes) opened.close();
    sending.close();
  };
  return { group, senders, inbox, inboxes, calls, finish };
}

onLinux('a frame for several viewers is one system call with one message for each of them', async (t) => {
  const { group, inbox, calls, finish } = await setUp(() => 0, 9);
  group.send(SEVEN);
  t.deepEqual(calls, [9]);
  t.is((await inbox.take(63)).length, 63);
  finish();
});

onLinux('many viewers take several system calls, and every packet arrives once', async (t) => {
  // A receive buffer of the usual size holds what ten of them get.
  const { group, senders, inboxes, calls, finish } = await setUp(() => 0, 100, 10);
  group.send(SEVEN);
  t.true(calls.length > 1 && calls.length < 10);
  t.is(calls.reduce((sum, count) => sum + count, 0), 100);
  const arrived = (await Promise.all(inboxes.map((inbox) => inbox.take(70)))).flat();
  const keys = new Set(arrived.map((packet) => Buffer.from(packet.subarray(2, 12)).toString('hex')));
  t.is(keys.size, 700);
  t.true(senders.every(({ counters }) => counters.packets === 7 && counters.dropped === 0));
  finish();
});

for (const errno of [LINUX.EIO, LINUX.EINVAL]) {
  onLinux(`a destination that refuses segmentation (error ${errno}) gets its packets singly from then on, and others keep it`, async (t) => {
    const { group, senders, inbox, calls, finish } = await setUp((call) => (call === 1 ? errno : 0), 3);
    group.send(SEVEN);
    // The refused run as seven calls of one, then the two other runs.
    t.deepEqual(calls, [3, 1, 1, 1, 1, 1, 1, 1, 2]);
    t.is((await inbox.take(21)).length, 21);
    group.send(SEVEN.map(({ rtp }, at) => ({ rtp, sequence: at + 7 })));
    t.is((await inbox.take(21)).length, 21);
    // Seven messages for the one, a run each for the others.
    t.is(calls.at(-1), 9);
    t.true(senders.every(({ counters }) => counters.packets === 14 && counters.dropped === 0));
    finish();
  });
}

onLinux('a full socket loses the rest of that viewer\'s burst, which is counted, and no more', async (t) => {
  const unequal = [100, 300, 500].map((length, at) => ({ rtp: rtpPacket(at, new Uint8Array(length)), sequence: at }));
  const { group, senders, inbox, finish } = await setUp((call) => (call === 1 ? LINUX.EAGAIN : 0), 2);
  group.send(unequal);
  t.is((await inbox.take(3)).length, 3);
  t.deepEqual(senders.map(({ counters }) => counters), [
    { packets: 0, bytes: 0, dropped: 3 },
    { packets: 3, bytes: 900 + 3 * 28, dropped: 0 },
  ]);
  finish();
});

onLinux('an unreachable peer loses one message at a time, and an interrupted call is made again', async (t) => {
  const ENETUNREACH = 101;
  const answers = [LINUX.EINTR, ENETUNREACH, 0];
  const { group, senders, inbox, calls, finish } = await setUp((call) => answers[call - 1] ?? 0, 2);
  group.send(SEVEN);
  t.deepEqual(calls, [2, 2, 1]);
  t.is((await inbox.take(7)).length, 7);
  t.deepEqual(senders.map(({ counters }) => counters.dropped), [7, 0]);
  finish();
});
