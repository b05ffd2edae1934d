import type { MediaFrame, TrackDescriptor } from 'wcs-core';
import { encodeVideoBody } from 'wcs-core/formats/flv';
import { parseAvcConfig } from 'wcs-core/formats/h264';
import { appendUnitFrame, type UnitSink } from '../wire/mse-unit.ts';

/** Head of the decoder configuration, and the two counts of parameter sets. */
const AVCC_FIXED_BYTES = 7;
const AUDIO_CONFIG = new Uint8Array([0]);
const AUDIO_FRAME = new Uint8Array([1]);

/** Appends a frame of the bus as one WebSocket frame; the same bytes for every viewer. */
export function appendFrame({ track, ptsUs, key, data }: MediaFrame, out: UnitSink): void {
  const timestampMs = Math.round(ptsUs / 1000);
  if (track.kind === 'audio') return appendUnitFrame(out, { kind: 'audio', timestampMs, body: [AUDIO_FRAME, data] });
  const body = encodeVideoBody({ type: 'video', packet: 'frame', codec: 'h264', trackId: 0, timestampOffsetNs: 0, key, disposable: false, compositionTimeMs: 0, data });
  appendUnitFrame(out, { kind: 'video', timestampMs, body });
}

/** Appends the configuration of each track; it goes before the first frame and again at a change of format. */
export function appendConfigs(tracks: readonly TrackDescriptor[], ptsUs: number, out: UnitSink): void {
  const timestampMs = Math.round(ptsUs / 1000);
  for (const { kind, codecConfig } of tracks) {
    if (codecConfig === undefined) continue;
    if (kind === 'audio') appendUnitFrame(out, { kind: 'audio', timestampMs, body: [AUDIO_CONFIG, codecConfig] });
    else {
      const body = encodeVideoBody({ type: 'video', packet: 'config', codec: 'h264', trackId: 0, timestampOffsetNs: 0, format: 'record', data: withoutExtension(codecConfig) });
      appendUnitFrame(out, { kind: 'video', timestampMs, body });
    }
  }
}

/**
 * The decoder configuration up to its last parameter set: the player takes what High profiles put behind for another unit.
 *
 * @see ISO/IEC 14496-15 section 5.3.3.1.2
 */
function withoutExtension(record: Uint8Array): Uint8Array {
  const { sps, pps } = parseAvcConfig(record);
  const setBytes = [...sps, ...pps].reduce((sum, { length }) => sum + 2 + length, 0);
  return record.subarray(0, AVCC_FIXED_BYTES + setBytes);
}

/** Collects what is appended. */
export class UnitBuffer implements UnitSink {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): void {
    this.#parts.push(Uint8Array.of(value));
  }

  u16(value: number): void {
    this.#parts.push(Uint8Array.of(value >>> 8, value));
  }

  u32(value: number): void {
    this.#parts.push(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
  }

  put(bytes: Uint8Array): void {
    this.#parts.push(bytes);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
