import type { MediaFrame, TrackDescriptor } from 'wcs-core';
import { AmfEcmaArray, type AmfValue } from 'wcs-core/formats/amf';
import { encodeAudioBody, encodeVideoBody, type FlvAudioPacket, type FlvBody, type FlvForm, type FlvSound, type FlvVideoPacket } from 'wcs-core/formats/flv';
import { encodeOpusHead, parseDops } from 'wcs-core/formats/opus';
import { appendMessage, encodeMessage, type ByteSink } from '../wire/chunk-writer.ts';
import { dataMessage } from '../wire/command.ts';
import { MESSAGE_TYPE } from '../wire/message.ts';
import { AUDIO_TO_FLV, VIDEO_TO_FLV } from './flv-codecs.ts';
import type { Variant } from './variant.ts';

/** FLV's numbers for codecs, as `onMetaData` names them; enhanced ones are told by their four-character code. */
const METADATA_ID: Readonly<Record<string, number>> = {
  h263: 2, vp6: 4, h264: 7, hevc: 12, av1: 0x61763031, vp9: 0x76703039, vp8: 0x76703038,
  mp3: 2, nellymoser: 6, pcma: 7, pcmu: 8, aac: 10, speex: 11, opus: 0x4f707573,
};

/** Rates that the legacy header has a code for; what is none of them goes as the highest, since decoders take MP3's own word for it. */
const LEGACY_RATES_HZ: readonly number[] = [5500, 11_025, 22_050, 44_100];

/** What matters of a variant when frames are written. */
type Form = Pick<Variant, 'streamId' | 'fourCcs'> & {
  /** For a server that the stream is pushed to: metadata are a wish of the publisher there. */
  readonly toServer?: boolean;
};

/** Writes the frames of a stream as RTMP messages of one variant. Holds nothing of them: the same frame gives the same bytes to everyone. */
export class FrameWriter {
  /** Time of the stream that goes out as 0; a stream that has positions tells these to its player. */
  originUs = 0;
  readonly #streamId: number;
  readonly #hevcForm: FlvForm;
  readonly #metadataWords: readonly string[];

  constructor({ streamId, fourCcs, toServer = false }: Form) {
    this.#streamId = streamId;
    this.#hevcForm = fourCcs.includes('hvc1') ? 'enhanced' : 'legacy';
    this.#metadataWords = toServer ? ['@setDataFrame', 'onMetaData'] : ['onMetaData'];
  }

  /** Appends one frame. */
  frame(frame: MediaFrame, out: ByteSink): void {
    const { kind } = frame.track;
    if (kind === 'data') return;
    const body = kind === 'video' ? this.#videoFrame(frame) : audioFrame(frame);
    if (body !== undefined) appendMessage(out, kind === 'video' ? MESSAGE_TYPE.video : MESSAGE_TYPE.audio, this.#streamId, this.#timestampMs(frame.dtsUs), body);
  }

  /** What goes before the first frame, and again at a change of format: metadata and the configuration of each track. */
  headers(tracks: readonly TrackDescriptor[], dtsUs: number, durationUs?: number): Buffer {
    // At any other time than 0 libavformat takes the metadata for a subtitle track of its own.
    const metadata = encodeMessage(dataMessage(this.#streamId, 0, ...this.#metadataWords, metadataOf(tracks, durationUs)));
    return Buffer.concat([metadata, ...tracks.map((track) => this.config(track, dtsUs))]);
  }

  /** The configuration of one track; empty where the codec has none. */
  config(track: TrackDescriptor, dtsUs: number): Buffer {
    const body = track.kind === 'video' ? this.#videoConfig(track) : audioConfig(track);
    const parts: Uint8Array[] = [];
    if (body !== undefined) appendMessage({ put: (bytes) => void parts.push(bytes) }, track.kind === 'video' ? MESSAGE_TYPE.video : MESSAGE_TYPE.audio, this.#streamId, this.#timestampMs(dtsUs), body);
    return Buffer.concat(parts);
  }

  #timestampMs(dtsUs: number): number {
    // Sound may have been decoded a little before the picture that everything begins with.
    return Math.max(0, Math.round((dtsUs - this.originUs) / 1000)) >>> 0;
  }

  #videoFrame({ track, ptsUs, dtsUs, key, data }: MediaFrame): FlvBody | undefined {
    const codec = VIDEO_TO_FLV.get(track.codec);
    if (codec === undefined) return undefined;
    const reordered = codec === 'h264' || codec === 'h265';
    const compositionTimeMs = reordered ? Math.round(ptsUs / 1000) - Math.round(dtsUs / 1000) : 0;
    return this.#encodeVideo({ type: 'video', packet: 'frame', codec, trackId: 0, timestampOffsetNs: 0, key, disposable: false, compositionTimeMs, data });
  }

  #videoConfig({ codec: busCodec, codecConfig }: TrackDescriptor): FlvBody | undefined {
    const codec = VIDEO_TO_FLV.get(busCodec);
    if (codec === undefined || codecConfig === undefined) return undefined;
    return this.#encodeVideo({ type: 'video', packet: 'config', codec, trackId: 0, timestampOffsetNs: 0, format: 'record', data: codecConfig });
  }

  #encodeVideo(packet: FlvVideoPacket): FlvBody {
    return encodeVideoBody(packet, packet.codec === 'h265' ? this.#hevcForm : 'auto');
  }
}

function audioFrame({ track, data }: MediaFrame): FlvBody | undefined {
  const codec = AUDIO_TO_FLV.get(track.codec);
  return codec === undefined ? undefined : encodeAudioBody({ type: 'audio', packet: 'frame', codec, trackId: 0, timestampOffsetNs: 0, sound: soundOf(track), data });
}

function audioConfig({ codec, codecConfig }: TrackDescriptor): FlvBody | undefined {
  if (codecConfig === undefined || (codec !== 'aac' && codec !== 'opus')) return undefined;
  const data = codec === 'opus' ? encodeOpusHead(parseDops(codecConfig)) : codecConfig;
  const packet: FlvAudioPacket = { type: 'audio', packet: 'config', codec, trackId: 0, timestampOffsetNs: 0, data };
  return encodeAudioBody(packet);
}

function soundOf({ codec, sampleRateHz = 44_100, channels }: TrackDescriptor): FlvSound | undefined {
  if (codec === 'aac' || codec === 'opus') return undefined;
  const fixed = codec === 'pcma' || codec === 'pcmu' || codec === 'speex' || codec === 'nellymoser';
  const rateHz = fixed || LEGACY_RATES_HZ.includes(sampleRateHz) ? sampleRateHz : 44_100;
  return { sampleRateHz: rateHz, bitsPerSample: 16, channels: channels === 2 ? 2 : 1 };
}

function metadataOf(tracks: readonly TrackDescriptor[], durationUs: number | undefined): AmfEcmaArray {
  const facts: Record<string, AmfValue> = {};
  const set = (name: string, value: AmfValue): void => {
    if (value !== undefined) facts[name] = value;
  };
  set('duration', durationUs === undefined ? undefined : durationUs / 1_000_000);
  for (const { kind, codec, width, height, frameRate, sampleRateHz, channels } of tracks) {
    if (kind === 'video') {
      set('width', width);
      set('height', height);
      set('framerate', frameRate);
      set('videocodecid', METADATA_ID[codec]);
    } else if (kind === 'audio') {
      set('audiocodecid', METADATA_ID[codec]);
      set('audiosamplerate', sampleRateHz);
      set('audiochannels', channels);
      set('stereo', channels === 2);
    }
  }
  return new AmfEcmaArray({ ...facts, server: 'WCS Core' });
}
