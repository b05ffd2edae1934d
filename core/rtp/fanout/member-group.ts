import { WcsError } from '../../errors/wcs-error.ts';
import { BURST_PACKETS_MAX, type FanoutGroup, type FanoutMember, type FanoutPacket, type MemberHeader, type RtpSender } from './engine.ts';
import type { PeerSender } from './peer-sender.ts';
import type { PreparedBurst } from './prepared-burst.ts';

const INITIAL_CAPACITY = 16;

/** What a group needs of its engine. */
export interface GroupHost<S extends PeerSender> {
  readonly burst: PreparedBurst;
  isOwn(sender: RtpSender): sender is S;
  /** Everything that was given to senders leaves now. */
  flush(): void;
}

/** A group of either tier. What a burst reads of its members lies in arrays by field, so that a member costs no look-up of objects and no allocation. */
export class MemberGroup<S extends PeerSender> implements FanoutGroup {
  readonly #host: GroupHost<S>;
  readonly #senders: (S | undefined)[] = [];
  readonly #members: Member[] = [];
  #ssrcs = new Uint32Array(INITIAL_CAPACITY);
  #payloadTypes = new Uint8Array(INITIAL_CAPACITY);
  #sequenceOffsets = new Float64Array(INITIAL_CAPACITY);
  #packets = new Float64Array(INITIAL_CAPACITY);
  #octets = new Float64Array(INITIAL_CAPACITY);
  #isSending = false;
  #gaps = 0;

  constructor(host: GroupHost<S>) {
    this.#host = host;
  }

  get size(): number {
    return this.#senders.length - this.#gaps;
  }

  add(sender: RtpSender, header: MemberHeader): FanoutMember {
    if (!this.#host.isOwn(sender)) throw new WcsError('INTERNAL_E_FAULT', 'A sender was added to a group of another engine.');
    const slot = this.#senders.length;
    if (slot === this.#ssrcs.length) this.#grow(slot * 2);
    this.#ssrcs[slot] = header.ssrc;
    this.#payloadTypes[slot] = header.payloadType;
    this.#sequenceOffsets[slot] = header.sequenceOffset;
    this.#packets[slot] = 0;
    this.#octets[slot] = 0;
    const member = new Member(header, slot, {
      packets: (at) => this.#packets[at] ?? 0,
      octets: (at) => this.#octets[at] ?? 0,
      remove: (at) => this.#remove(at),
    });
    this.#senders.push(sender);
    this.#members.push(member);
    return member;
  }

  send(packets: readonly FanoutPacket[]): void {
    this.#isSending = true;
    try {
      for (let from = 0; from < packets.length; from += BURST_PACKETS_MAX) {
        this.#host.burst.load(packets, from);
        if (this.#host.burst.count > 0) this.#sendPrepared(this.#host.burst);
      }
    } finally {
      this.#isSending = false;
      this.#closeGaps();
    }
  }

  close(): void {
    for (const member of [...this.#members]) member.remove();
  }

  #sendPrepared(burst: PreparedBurst): void {
    const senders = this.#senders;
    // Who is added by a `write` on the way begins with the next burst.
    const { length } = senders;
    for (let slot = 0; slot < length; slot++) {
      const sender = senders[slot];
      if (sender === undefined) continue;
      sender.sendBurst(burst, this.#ssrcs[slot] ?? 0, this.#payloadTypes[slot] ?? 0, this.#sequenceOffsets[slot] ?? 0);
      this.#packets[slot] = (this.#packets[slot] ?? 0) + burst.count;
      this.#octets[slot] = (this.#octets[slot] ?? 0) + burst.octets;
    }
    this.#host.flush();
  }

  #remove(slot: number): void {
    this.#senders[slot] = undefined;
    this.#gaps++;
    // A burst that is on its way walks over the slots.
    if (!this.#isSending) this.#closeGaps();
  }

  /** Moves the last members into the slots of those that left. */
  #closeGaps(): void {
    for (let slot = this.#senders.length - 1; this.#gaps > 0 && slot >= 0; slot--) {
      if (this.#senders[slot] !== undefined) continue;
      const last = this.#senders.length - 1;
      this.#move(last, slot);
      this.#senders.pop();
      this.#members.pop();
      this.#gaps--;
    }
  }

  #move(from: number, to: number): void {
    const member = this.#members[from];
    if (from === to || member === undefined) return;
    this.#senders[to] = this.#senders[from];
    this.#members[to] = member;
    member.slot = to;
    for (const field of [this.#ssrcs, this.#payloadTypes, this.#sequenceOffsets, this.#packets, this.#octets]) field[to] = field[from] ?? 0;
  }

  #grow(capacity: number): void {
    const wider = <T extends Uint8Array | Uint32Array | Float64Array>(made: T, old: T): T => {
      made.set(old);
      return made;
    };
    this.#ssrcs = wider(new Uint32Array(capacity), this.#ssrcs);
    this.#payloadTypes = wider(new Uint8Array(capacity), this.#payloadTypes);
    this.#sequenceOffsets = wider(new Float64Array(capacity), this.#sequenceOffsets);
    this.#packets = wider(new Float64Array(capacity), this.#packets);
    this.#octets = wider(new Float64Array(capacity), this.#octets);
  }
}

/** The fields of a member, by its slot. */
interface MemberFields {
  packets(slot: number): number;
  octets(slot: number): number;
  remove(slot: number): void;
}

class Member implements FanoutMember {
  readonly header: MemberHeader;
  slot: number;
  readonly #fields: MemberFields;
  #last: { readonly packets: number; readonly octets: number } | undefined;

  constructor(header: MemberHeader, slot: number, fields: MemberFields) {
    this.header = header;
    this.slot = slot;
    this.#fields = fields;
  }

  get packets(): number {
    return this.#last?.packets ?? this.#fields.packets(this.slot);
  }

  get octets(): number {
    return this.#last?.octets ?? this.#fields.octets(this.slot);
  }

  remove(): void {
    if (this.#last !== undefined) return;
    this.#last = { packets: this.packets, octets: this.octets };
    this.#fields.remove(this.slot);
  }
}
