import { usToTicks, type TrackDescriptor } from 'wcs-core';
import { isTsCodec, TsMuxer, tsFraming, type TsFraming, type TsMuxerState, type TsStream } from 'wcs-core/formats/mpegts';
import type { Container, ContainerState, PartFrame, PartTrack } from './container.ts';

/** Packet id of the first track; the others follow. */
const FIRST_PID = 0x100;
const CLOCK_HZ = 90_000;

/** MPEG transport stream: each piece begins with the tables. @see ISO/IEC 13818-1 */
export class TsContainer implements Container {
  readonly type = 'ts';
  readonly tracks: readonly PartTrack[];
  readonly #muxer: TsMuxer;
  readonly #framings = new Map<number, TsFraming>();

  constructor({ tracks, memory }: Omit<ContainerState, 'type'>) {
    this.tracks = tracks;
    this.#muxer = new TsMuxer(tracks.map(streamOf), memory as TsMuxerState | undefined);
    for (const { number, format } of tracks) this.#framings.set(number, tsFraming(format));
  }

  head(): Uint8Array {
    return new Uint8Array();
  }

  addTrack(): never {
    throw new RangeError('A transport stream in a file takes no further tracks');
  }

  encode(frames: readonly PartFrame[]): readonly Uint8Array[] {
    const pieces: Buffer[] = [this.#muxer.writeTables()];
    for (const frame of frames) {
      const packets = this.#packets(frame);
      if (packets !== undefined) pieces.push(packets);
    }
    return pieces;
  }

  close(): undefined {
    return undefined;
  }

  exportState(): ContainerState {
    return { type: this.type, tracks: this.tracks, headBytes: 0, memory: this.#muxer.exportState() };
  }

  /** Undefined for a frame that is broken or too large for its header: one less of a publisher's frames, and no fault of ours. */
  #packets({ track, dtsUs, ptsUs, key, data }: PartFrame): Buffer | undefined {
    try {
      const pieces = this.#framings.get(track)?.(data, key) ?? [];
      return this.#muxer.writeAccessUnit({ pid: pidOf(track), pts90k: usToTicks(ptsUs, CLOCK_HZ), dts90k: usToTicks(dtsUs, CLOCK_HZ), key, data: pieces });
    } catch {
      return undefined;
    }
  }
}

function pidOf(track: number): number {
  return FIRST_PID + track - 1;
}

function streamOf({ number, format }: PartTrack): TsStream {
  return { pid: pidOf(number), codec: tsCodecOf(format), ...(format.codec === 'opus' ? { channels: format.channels === 1 ? 1 : 2 } : {}) };
}

function tsCodecOf({ codec }: TrackDescriptor): TsStream['codec'] {
  if (!isTsCodec(codec)) throw new RangeError(`MPEG-TS has no place for ${codec}`);
  return codec;
}
