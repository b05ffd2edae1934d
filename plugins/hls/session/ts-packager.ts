import { usToTicks, WcsError, type MediaFrame, type TrackDescriptor } from 'wcs-core';
import { aacLcConfig, encodeAdtsHeader, parseAudioSpecificConfig } from 'wcs-core/formats/aac';
import * as h264 from 'wcs-core/formats/h264';
import * as hevc from 'wcs-core/formats/hevc';
import { TsMuxer, type TsCodec, type TsStream } from 'wcs-core/formats/mpegts';
import type { CutPart } from './cut.ts';
import type { Packager, TsState } from './packager.ts';

/** Turns the bus's form of a frame into the pieces of an access unit in a transport stream. */
type Framing = (frame: MediaFrame) => readonly Uint8Array[];

const PIDS = { video: 0x100, audio: 0x101, data: 0x102 } as const;
const CLOCK_HZ = 90_000;
const PASS: Framing = (frame) => [frame.data];

/** Writes parts as packets of one transport stream; each segment begins with the tables. @see RFC 8216bis section 3.2 */
export class TsPackager implements Packager {
  #tracks: readonly TrackDescriptor[] = [];
  #muxer: TsMuxer | undefined;
  readonly #framings = new Map<string, Framing>();
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
      return this.#framings.get(frame.track.id)?.(frame);
    } catch {
      return undefined;
    }
  }

  #take(tracks: readonly TrackDescriptor[]): void {
    this.#tracks = tracks;
    this.#framings.clear();
    for (const track of tracks) this.#framings.set(track.id, framingOf(track));
  }
}

function streamOf(track: TrackDescriptor): TsStream {
  const codec = tsCodecOf(track);
  return { pid: PIDS[track.kind], codec, ...(codec === 'opus' ? { channels: track.channels === 1 ? 1 : 2 } : {}) };
}

function tsCodecOf({ codec }: TrackDescriptor): TsCodec {
  switch (codec) {
    case 'h264':
    case 'hevc':
    case 'aac':
    case 'mp3':
    case 'opus':
      return codec;
    default:
      throw new WcsError('MEDIA_E_NO_COMMON_CODEC', `MPEG-TS of HLS has no place for ${codec}.`);
  }
}

/** Built once a track: parameter sets go before each key frame, an ADTS header before each frame of AAC. */
function framingOf(track: TrackDescriptor): Framing {
  const config = track.codecConfig;
  switch (track.codec) {
    case 'h264': {
      const parameterSets = config === undefined ? [] : avcParameterSets(config);
      return (frame) => [h264.lengthPrefixedToAnnexB(frame.data, frame.key ? { parameterSets } : {})];
    }
    case 'hevc': {
      const parameterSets = config === undefined ? [] : hevc.parseHevcConfig(config).arrays.flatMap(({ nals }) => nals);
      return (frame) => [hevc.lengthPrefixedToAnnexB(frame.data, frame.key ? { parameterSets } : {})];
    }
    case 'aac': {
      const aac = config === undefined ? aacLcConfig(track.sampleRateHz ?? 48_000, track.channels ?? 2) : parseAudioSpecificConfig(config);
      return (frame) => [encodeAdtsHeader(aac, frame.data.length), frame.data];
    }
    default:
      return PASS;
  }
}

function avcParameterSets(config: Uint8Array): readonly Uint8Array[] {
  const { sps, pps } = h264.parseAvcConfig(config);
  return [...sps, ...pps];
}
