import { RTP_PACKET_BYTES_MAX, BURST_PACKETS_MAX } from './engine.ts';
import { SCRATCH_BYTES } from './native-cipher.ts';
import { LINUX, type NativeLibrary } from './native-library.ts';
import type { NativeMemory } from './native-memory.ts';
import { ADDRESS_WORDS, type NativeAddress } from './native-socket.ts';

/** Messages of one system call. */
const MESSAGES_MAX = 256;
/** Bytes that are gathered before they leave: few enough to be in the processor's cache still when the system copies them. */
const FLUSH_BYTES = 256 * 1024;
/** Room for whatever one sender adds after that. */
const OUT_BYTES = FLUSH_BYTES + BURST_PACKETS_MAX * (RTP_PACKET_BYTES_MAX + SCRATCH_BYTES);

/** `struct mmsghdr`, `struct iovec`, and a control message of one 16-bit number, on 64-bit Linux. @see sendmmsg(2), cmsg(3) */
const MESSAGE_WORDS = 16;
const NAME_LENGTH_WORD = 2;
const IOVEC_WORD = 4;
const IOVEC_COUNT_WORD = 6;
const CONTROL_WORD = 8;
const CONTROL_LENGTH_WORD = 10;
const IOVEC_WORDS = 4;
const IOVEC_LENGTH_WORD = 2;
const CONTROL_WORDS = 6;
const CONTROL_BYTES = 24;
const CONTROL_USED_BYTES = 18;
const SEGMENT_WORD = 4;
const MESSAGE_BYTES = MESSAGE_WORDS * 4;

/** Who is told what became of a message. */
export interface MessageOwner {
  /** The system did not take these packets. */
  onDropped(packets: number, bytes: number): void;
  /** The system takes no segmented messages for this destination. */
  onSegmentationRefused(): void;
}

/** Gathers datagrams of many destinations in native memory and hands them to the system in few calls; each message is one datagram or a run of equal ones (UDP GSO). */
export class Outbox {
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;
  readonly #messages: number;
  readonly #iovecs: number;
  readonly #controls: number;
  readonly #names: number;
  readonly #out: number;
  readonly #owners: (MessageOwner | undefined)[] = new Array<undefined>(MESSAGES_MAX + 1).fill(undefined);
  readonly #packets = new Int32Array(MESSAGES_MAX + 1);
  #fd = -1;
  #count = 0;
  #end = 0;

  constructor(library: NativeLibrary, memory: NativeMemory) {
    this.#library = library;
    this.#memory = memory;
    // One more than are gathered: for the packets of a run that must go singly.
    const slots = MESSAGES_MAX + 1;
    this.#messages = memory.take(slots * MESSAGE_BYTES);
    this.#iovecs = memory.take(slots * IOVEC_WORDS * 4);
    this.#controls = memory.take(slots * CONTROL_WORDS * 4);
    this.#names = memory.take(slots * ADDRESS_WORDS * 4);
    this.#out = memory.take(OUT_BYTES);
    for (let slot = 0; slot < slots; slot++) this.#prepareSlot(slot);
    this.#end = this.#out;
  }

  /** Native memory that an outbox takes. */
  static readonly bytes = OUT_BYTES + (MESSAGES_MAX + 1) * (MESSAGE_WORDS + IOVEC_WORDS + CONTROL_WORDS + ADDRESS_WORDS) * 4 + 512;

  /** Makes room for a burst of one sender and answers where its first packet goes; what is gathered for another socket leaves first. Without a descriptor the room is the caller's until the next call. */
  open(fd: number | undefined): number {
    if ((fd !== undefined && fd !== this.#fd) || this.#end - this.#out > FLUSH_BYTES || this.#count > MESSAGES_MAX - BURST_PACKETS_MAX) this.flush();
    if (fd !== undefined) this.#fd = fd;
    return this.#end;
  }

  /** Adds what was written between two places as one message; `segmentBytes` is the length of each of its datagrams but the last, or 0 for a single one. */
  add(owner: MessageOwner, to: NativeAddress, from: number, end: number, segmentBytes: number, packets: number): void {
    const slot = this.#count++;
    this.#owners[slot] = owner;
    this.#packets[slot] = packets;
    this.#fill(slot, from, end - from, segmentBytes);
    const { words } = this.#memory;
    const name = (this.#names >> 2) + slot * ADDRESS_WORDS;
    for (let word = 0; word < ADDRESS_WORDS; word++) words[name + word] = to.words[word] ?? 0;
    words[(this.#messages >> 2) + slot * MESSAGE_WORDS + NAME_LENGTH_WORD] = to.length;
    this.#end = end;
  }

  /** Sends everything. What the system refuses is lost, as on the wire; a socket that is full loses the rest of that sender's burst. */
  flush(): void {
    const { base } = this.#memory;
    let first = 0;
    while (first < this.#count) {
      const sent = this.#library.sendmmsg(this.#fd, base + this.#messages + first * MESSAGE_BYTES, this.#count - first, LINUX.MSG_DONTWAIT);
      first = sent > 0 ? first + sent : this.#afterRefusal(first, this.#library.errno());
    }
    this.#owners.fill(undefined, 0, this.#count);
    this.#count = 0;
    this.#end = this.#out;
  }

  /** Which message to go on with. */
  #afterRefusal(slot: number, errno: number): number {
    if (errno === LINUX.EINTR) return slot;
    const owner = this.#owners[slot];
    if ((errno === LINUX.EIO || errno === LINUX.EINVAL) && this.#segmentBytes(slot) > 0) {
      owner?.onSegmentationRefused();
      this.#sendSingly(slot);
      return slot + 1;
    }
    this.#drop(slot);
    let next = slot + 1;
    for (; errno === LINUX.EAGAIN && next < this.#count && this.#owners[next] === owner; next++) this.#drop(next);
    return next;
  }

  #drop(slot: number): void {
    this.#owners[slot]?.onDropped(this.#packets[slot] ?? 0, this.#length(slot));
  }

  /** Sends the datagrams of a segmented message one by one, through the spare slot. */
  #sendSingly(slot: number): void {
    const { words, base } = this.#memory;
    const segmentBytes = this.#segmentBytes(slot);
    const source = (this.#messages >> 2) + slot * MESSAGE_WORDS;
    const spare = (this.#messages >> 2) + MESSAGES_MAX * MESSAGE_WORDS;
    words.copyWithin((this.#names >> 2) + MESSAGES_MAX * ADDRESS_WORDS, (this.#names >> 2) + slot * ADDRESS_WORDS, (this.#names >> 2) + (slot + 1) * ADDRESS_WORDS);
    words[spare + NAME_LENGTH_WORD] = words[source + NAME_LENGTH_WORD] ?? 0;
    const iovec = (this.#iovecs >> 2) + slot * IOVEC_WORDS;
    const from = (words[iovec] ?? 0) + (words[iovec + 1] ?? 0) * 0x1_0000_0000 - base;
    const length = this.#length(slot);
    for (let at = 0; at < length; at += segmentBytes) {
      this.#fill(MESSAGES_MAX, from + at, Math.min(segmentBytes, length - at), 0);
      const sent = this.#library.sendmmsg(this.#fd, base + this.#messages + MESSAGES_MAX * MESSAGE_BYTES, 1, LINUX.MSG_DONTWAIT);
      if (sent !== 1) this.#owners[slot]?.onDropped(1, Math.min(segmentBytes, length - at));
    }
  }

  #length(slot: number): number {
    return this.#memory.words[(this.#iovecs >> 2) + slot * IOVEC_WORDS + IOVEC_LENGTH_WORD] ?? 0;
  }

  #segmentBytes(slot: number): number {
    const { words } = this.#memory;
    if (words[(this.#messages >> 2) + slot * MESSAGE_WORDS + CONTROL_LENGTH_WORD] === 0) return 0;
    return words[(this.#controls >> 2) + slot * CONTROL_WORDS + SEGMENT_WORD] ?? 0;
  }

  #fill(slot: number, from: number, length: number, segmentBytes: number): void {
    const { words } = this.#memory;
    const iovec = this.#iovecs + slot * IOVEC_WORDS * 4;
    this.#memory.putPointer(iovec, from);
    words[(iovec >> 2) + IOVEC_LENGTH_WORD] = length;
    words[(this.#messages >> 2) + slot * MESSAGE_WORDS + CONTROL_LENGTH_WORD] = segmentBytes === 0 ? 0 : CONTROL_BYTES;
    words[(this.#controls >> 2) + slot * CONTROL_WORDS + SEGMENT_WORD] = segmentBytes;
  }

  /** Writes what never changes of a slot. */
  #prepareSlot(slot: number): void {
    const { words } = this.#memory;
    const message = this.#messages + slot * MESSAGE_BYTES;
    const control = this.#controls + slot * CONTROL_WORDS * 4;
    this.#memory.putPointer(message, this.#names + slot * ADDRESS_WORDS * 4);
    this.#memory.putPointer(message + IOVEC_WORD * 4, this.#iovecs + slot * IOVEC_WORDS * 4);
    words[(message >> 2) + IOVEC_COUNT_WORD] = 1;
    this.#memory.putPointer(message + CONTROL_WORD * 4, control);
    words.set([CONTROL_USED_BYTES, 0, LINUX.SOL_UDP, LINUX.UDP_SEGMENT], control >> 2);
  }
}
