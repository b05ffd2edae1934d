import { PayloadArena } from '../../core/rtp/payload/payload-arena.ts';
import type { MediaUnit, PayloadDepacketiser, PayloadPacketiser, UnitSink } from '../../core/rtp/payload/payload-format.ts';

/** A payload on its way, with what its packet says of it. */
export interface SentPayload {
  readonly payload: Uint8Array;
  readonly timestamp: number;
  readonly marker: boolean;
}

/** A unit to send. */
export interface SentUnit {
  readonly data: Uint8Array;
  readonly key: boolean;
  readonly timestamp: number;
}

/** The payloads of units, in the order of sending. */
export function sendUnits(packetiser: PayloadPacketiser, units: readonly SentUnit[]): SentPayload[] {
  const arena = new PayloadArena();
  return units.flatMap(({ data, key, timestamp }) => {
    arena.reset(data.length);
    packetiser.packetise(data, key, arena);
    return Array.from({ length: arena.count }, (_, index) => ({
      payload: arena.payload(index),
      timestamp: (timestamp + arena.offsetTicks(index)) >>> 0,
      marker: arena.marker(index),
    }));
  });
}

/** What comes out of payloads of which those that `lost` names never arrive. */
export function receive(open: (emit: UnitSink) => PayloadDepacketiser, sent: readonly SentPayload[], lost: (index: number) => boolean = () => false): MediaUnit[] {
  const units: MediaUnit[] = [];
  const depacketiser = open((unit) => void units.push(unit));
  let gap = false;
  sent.forEach(({ payload, timestamp, marker }, index) => {
    if (lost(index)) {
      gap = true;
      return;
    }
    depacketiser.push(payload, timestamp, marker, gap);
    gap = false;
  });
  return units;
}

/** A hex text with spaces as bytes. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

/** Bytes as hex, for comparisons that a person can read. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
