import { usToTicks, WcsError, type MediaFrame, type TrackDescriptor } from 'wcs-core';
import { isTsCodec, TsMuxer, tsFraming, type TsFraming, type TsStream } from 'wcs-core/formats/mpegts';
import type { CutPart } from './cut.ts';
import type { Packager, TsState } from './packager.ts';

const PIDS = { video: 0x100, audio: 0x101, data: 0x102 } as const;
const CLOCK_HZ = 90_000;

/** Writes parts as packets of one transport stream; each segment begins with the tables. @see RFC 8216bis section 3.2 */
export class TsPackager implements Packager {
  #tracks: readonly TrackDescriptor[] = [];
  #muxer: TsMuxer | undefined;
  readonly #framings = new Map<string, TsFraming>();
  #discontinuity = new Set<string>();

  constructor(state?: TsState) {
    if (state?.muxer === undefined) return;
    this.#take(state.tracks);
    this.#muxer = new TsMuxer(state.tracks.map(streamOf), state.muxer);
  }

  exportState(): TsState {
    return { container: 'ts', tracks: this.#tracks, muxer: this.#muxer?.exportState() };
  }

  begin(tracks: readonly TrackDescriptor[]): undefined {
    this.#take(tracks);
    if (this.#muxer !== undefined) this.#discontinuity = new Set(tracks.map(({ id }) => id));
    this.#muxer = new TsMuxer(tracks.map(streamOf), this.#muxer?.exportState());
  }

  pack(part: CutPart, startsSegment: boolean): Buffer {
    const muxer = this.#muxer;
    if (muxer === undefined) return Buffer.alloc(0);
    const pieces: Buffer[] = startsSegment ? [muxer.writeTables()] : [];
    // In the order of time, so that no track's data is far from where the clock says that it is due.
    const frames = [...part.video, ...part.audio].map(({ frame }) => frame).sort((a, b) => a.dtsUs - b.dtsUs);
    for (const frame of frames) {
      const data = this.#frame(frame);
      if (data === undefined) continue;
      pieces.push(
        muxer.writeAccessUnit({
          pid: PIDS[frame.track.kind],
          pts90k: usToTicks(frame.ptsUs, CLOCK_HZ),
          dts90k: usToTicks(frame.dtsUs, CLOCK_HZ),
          key: frame.key,
          data,
          discontinuity: this.#discontinuity.delete(frame.track.id),
        }),
      );
    }
    return Buffer.concat(pieces);
  }

  /** Undefined for a frame that is broken or too large for its header: one less of a publisher's frames, and no fault of ours. */
  #frame(frame: MediaFrame): readonly Uint8Array[] | undefined {
    try {
      return this.#framings.get(frame.track.id)?.(frame.data, frame.key);
    } catch {
      return undefined;
    }
  }

  #take(tracks: readonly TrackDescriptor[]): void {
    this.#tracks = tracks;
    this.#framings.clear();
    for (const track of tracks) this.#framings.set(track.id, tsFraming(track));
  }
}

function streamOf(track: TrackDescriptor): TsStream {
  const { codec } = track;
  if (!isTsCodec(codec)) throw new WcsError('MEDIA_E_NO_COMMON_CODEC', `MPEG-TS of HLS has no place for ${codec}.`);
  return { pid: PIDS[track.kind], codec, ...(codec === 'opus' ? { channels: track.channels === 1 ? 1 : 2 } : {}) };
}
