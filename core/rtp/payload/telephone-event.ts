import { ProtocolError } from '../../errors/wcs-error.ts';

/** The payload of one event. @see RFC 4733 section 2.3 */
export interface TelephoneEvent {
  /** 0 to 15 are the keys of `DTMF_KEYS`; others are tones of the line. */
  readonly event: number;
  /** The event is over. */
  readonly end: boolean;
  /** Power in -dBm0, 0 to 63. */
  readonly volume: number;
  /** Ticks of the RTP clock since the timestamp, up to 65535. */
  readonly durationTicks: number;
}

/** A payload of a key press with what its packet says. */
export interface TelephoneEventPacket {
  readonly payload: Uint8Array;
  /** Set on the first packet of the event. */
  readonly marker: boolean;
  /** When the packet is due, in ticks after the beginning of the event; the RTP timestamp is that of the beginning in all of them. */
  readonly dueTicks: number;
}

/** A key that was pressed. */
export interface KeyPress {
  readonly event: number;
  readonly timestamp: number;
  /** As far as it is known: until the last packet that was seen. */
  readonly durationTicks: number;
}

/** The keys by their event numbers. @see RFC 4733 section 3.2 */
export const DTMF_KEYS = '0123456789*#ABCD';

const PAYLOAD_BYTES = 4;
const MAX_DURATION_TICKS = 0xffff;
const DEFAULT_VOLUME = 10;
/** The end is sent so many times, since its loss would leave the key pressed. @see RFC 4733 section 2.5.1.4 */
const END_PACKETS = 3;

/** Reads a payload. */
export function parseTelephoneEvent(payload: Uint8Array): TelephoneEvent {
  if (payload.length < PAYLOAD_BYTES) throw new ProtocolError(`A telephone event of ${payload.length} bytes`, payload.length);
  const [event = 0, flags = 0, high = 0, low = 0] = payload;
  return { event, end: (flags & 0x80) !== 0, volume: flags & 0x3f, durationTicks: (high << 8) | low };
}

/** Writes a payload. @throws RangeError for a field out of its range */
export function encodeTelephoneEvent({ event, end, volume, durationTicks }: TelephoneEvent): Uint8Array {
  if (event < 0 || event > 0xff || volume < 0 || volume > 0x3f || durationTicks < 0 || durationTicks > MAX_DURATION_TICKS) {
    throw new RangeError(`No telephone event: ${event}, ${volume}, ${durationTicks}`);
  }
  return Uint8Array.of(event, (end ? 0x80 : 0) | volume, durationTicks >> 8, durationTicks);
}

/**
 * The packets of a key press: one every `intervalTicks` with the duration so far, and the end three times.
 *
 * @throws RangeError for what is no key or lasts longer than 65535 ticks
 */
export function telephoneEventPackets(key: string, durationTicks: number, intervalTicks: number): readonly TelephoneEventPacket[] {
  const event = key.length === 1 ? DTMF_KEYS.indexOf(key.toUpperCase()) : -1;
  if (event < 0) throw new RangeError(`${key} is no key of a telephone`);
  if (durationTicks > MAX_DURATION_TICKS || intervalTicks <= 0) throw new RangeError(`A key press of ${durationTicks} ticks`);
  const packets: TelephoneEventPacket[] = [];
  const add = (ticks: number, end: boolean, dueTicks: number): void => {
    packets.push({ payload: encodeTelephoneEvent({ event, end, volume: DEFAULT_VOLUME, durationTicks: ticks }), marker: packets.length === 0, dueTicks });
  };
  for (let ticks = intervalTicks; ticks < durationTicks; ticks += intervalTicks) add(ticks, false, ticks);
  for (let copy = 0; copy < END_PACKETS; copy++) add(durationTicks, true, durationTicks + copy * intervalTicks);
  return packets;
}

/** Finds key presses in the packets of an event stream, each once, whichever of its packets are lost. */
export class TelephoneEventReader {
  readonly #onKey: (press: KeyPress) => void;
  #current: KeyPress | undefined;
  #toldTimestamp: number | undefined;

  /** @param onKey gets a key when its end is seen, or when the next one begins without an end having come */
  constructor(onKey: (press: KeyPress) => void) {
    this.#onKey = onKey;
  }

  /** Takes a payload in the order of sequence numbers. @throws ProtocolError for one that is cut short */
  push(payload: Uint8Array, timestamp: number): void {
    const { event, end, durationTicks } = parseTelephoneEvent(payload);
    if (timestamp === this.#toldTimestamp) return;
    if (this.#current !== undefined && this.#current.timestamp !== timestamp) this.#tell(this.#current);
    this.#current = { event, timestamp, durationTicks };
    if (end) this.#tell(this.#current);
  }

  #tell(press: KeyPress): void {
    this.#toldTimestamp = press.timestamp;
    this.#current = undefined;
    this.#onKey(press);
  }
}
