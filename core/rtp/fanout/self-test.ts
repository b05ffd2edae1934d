import { createSrtpCipher } from '../srtp/create-cipher.ts';
import { deriveSession } from '../srtp/key-derivation.ts';
import { SRTP_KEY_BYTES, SRTP_OVERHEAD_BYTES_MAX, SRTP_PROFILE_SIZES, type SrtpKeys, type SrtpProfile } from '../srtp/keys.ts';
import { rtpHeaderBytes } from '../srtp/rtp-header.ts';
import { RTP_PACKET_BYTES_MAX, type FanoutPacket } from './engine.ts';
import type { FfiEngine } from './ffi.ts';
import { LINUX, type NativeLibrary } from './native-library.ts';
import { NativeMemory } from './native-memory.ts';

const LOOPBACK = '127.0.0.1';
/** How long a datagram may take to a socket of the same process. */
const ARRIVAL_TIMEOUT_MS = 500;
const PROFILES: readonly SrtpProfile[] = ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32'];
/** Two equal packets and a shorter one: a run. */
const PAYLOAD_BYTES = [200, 200, 61] as const;
const FIRST_SEQUENCE = 0xffff;
/** Of SSRC 1, with one block of zeros. */
const RECEIVER_REPORT = Uint8Array.from({ length: 32 }, (_unused, at) => [0x81, 201, 0, 7, 0, 0, 0, 1][at] ?? 0);

/**
 * Sends a run of packets and a report under every profile to a socket of its own and compares what arrives with what node:crypto makes of them.
 *
 * @throws Error when anything differs, doesn't arrive or is refused
 */
export function testEngine(engine: FfiEngine): void {
  const { library, sockets } = engine;
  const fd = engine.udp.bind(LOOPBACK, 0);
  if (fd === undefined) throw new Error('a UDP socket on loopback cannot be bound');
  const inbox = new Inbox(library, fd);
  try {
    const port = sockets.localPort(fd) ?? 0;
    for (const profile of PROFILES) testProfile(engine, inbox, port, profile);
  } finally {
    library.close(fd);
  }
}

function testProfile(engine: FfiEngine, inbox: Inbox, port: number, profile: SrtpProfile): void {
  const keys: SrtpKeys = { profile, masterKey: new Uint8Array(SRTP_KEY_BYTES).fill(7), masterSalt: new Uint8Array(SRTP_PROFILE_SIZES[profile].saltBytes).fill(9) };
  const burst = testBurst();
  const sender = engine.openSender({ keys, destination: { type: 'udp', address: LOOPBACK, port, socket: { fd: inbox.fd, send: () => undefined } } });
  const group = engine.openGroup();
  try {
    group.add(sender, { ssrc: 1, payloadType: 96, sequenceOffset: 0 });
    group.send(burst);
    sender.sendRtcp(RECEIVER_REPORT);
  } finally {
    group.close();
    sender.close();
  }
  if (sender.counters.dropped > 0) throw new Error('the system refuses what sendmmsg is given');
  const cipher = createSrtpCipher(profile, deriveSession(keys));
  const receiver = engine.openReceiver(keys);
  const check = (plain: Uint8Array, protect: (out: Uint8Array) => number, open: (packet: Uint8Array) => Uint8Array | string): void => {
    const expected = Buffer.alloc(plain.length + SRTP_OVERHEAD_BYTES_MAX);
    const length = protect(expected);
    const received = inbox.receive();
    if (!expected.subarray(0, length).equals(received)) throw new Error(`libcrypto and node:crypto differ on ${profile}`);
    const opened = open(received);
    if (typeof opened === 'string' || !Buffer.from(plain).equals(opened)) throw new Error(`libcrypto does not open ${profile}`);
  };
  for (const { rtp, sequence } of burst) check(rtp, (out) => cipher.protectRtp(rtp, rtpHeaderBytes(rtp), sequence, out), (packet) => receiver.unprotectRtp(packet));
  check(RECEIVER_REPORT, (out) => cipher.protectRtcp(RECEIVER_REPORT, sender.srtcpIndex, out), (packet) => receiver.unprotectRtcp(packet));
  receiver.close();
}

/** Packets of SSRC 1 and payload type 96 over a wrap of the sequence number. */
function testBurst(): FanoutPacket[] {
  return PAYLOAD_BYTES.map((payloadBytes, at) => {
    const sequence = FIRST_SEQUENCE + at;
    const rtp = new Uint8Array(12 + payloadBytes).fill(at + 1);
    rtp.set([0x80, 96, (sequence >>> 8) & 0xff, sequence & 0xff, 0, 0, 0, 0, 0, 0, 0, 1]);
    return { rtp, sequence };
  });
}

/** Receives without the event loop: an engine is chosen once, before anything is served. */
class Inbox {
  readonly fd: number;
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;

  constructor(library: NativeLibrary, fd: number) {
    this.fd = fd;
    this.#library = library;
    this.#memory = new NativeMemory(library, RTP_PACKET_BYTES_MAX);
  }

  /** The next datagram. */
  receive(): Uint8Array {
    const { base, words, bytes } = this.#memory;
    words.set([this.fd, LINUX.POLLIN]);
    if (this.#library.poll(base, 1, ARRIVAL_TIMEOUT_MS) !== 1) throw new Error('a datagram sent to loopback does not arrive');
    const length = this.#library.recv(this.fd, base, bytes.length, LINUX.MSG_DONTWAIT);
    return bytes.slice(0, Math.max(0, length));
  }
}
