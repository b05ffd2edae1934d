import { audioFormatFor } from '../processor/audio-format.ts';
import type { AudioOutputSpec, ChainInput, OutputSpec, VideoOutputSpec } from '../processor/chain-spec.ts';
import { defaultBitrateBps, fittedSize, turnedSize, type PictureSize } from '../processor/picture-size.ts';

const US_PER_SECOND = 1_000_000;
const DEFAULT_FRAME_RATE = 30;
const DEFAULT_SIZE = { width: 1280, height: 720 };
const TURNS = { 90: 'transpose=clock', 180: 'hflip,vflip', 270: 'transpose=cclock' } as const;

/** Reads the pipe without waiting to guess what is in it; `nobuffer` would throw away what it has guessed from. */
export const INPUT_OPTIONS: readonly string[] = ['-flags low_delay', '-probesize 32', '-analyzeduration 0', '-copyts'];

/** Options of ffmpeg for one output. @param encoder the name of the encoder */
export function outputOptions(input: ChainInput, output: OutputSpec, encoder: string): readonly string[] {
  const own = output.kind === 'video' ? videoOptions(input, output, encoder) : audioOptions(input, output, encoder);
  return [...own, '-map_metadata -1', '-avoid_negative_ts disabled', '-flush_packets 1', '-cluster_time_limit 1', '-live 1'];
}

function videoOptions(input: ChainInput, output: VideoOutputSpec, encoder: string): string[] {
  const source = turnedSize({ width: input.width ?? DEFAULT_SIZE.width, height: input.height ?? DEFAULT_SIZE.height }, output.rotationDegrees);
  const size = fittedSize(source, { width: output.maxWidth, height: output.maxHeight });
  const sourceRate = input.frameRate ?? DEFAULT_FRAME_RATE;
  const frameRate = Math.min(output.frameRate ?? sourceRate, sourceRate);
  const bitrateBps = output.bitrateBps ?? defaultBitrateBps(size, frameRate);
  const second = output.keyFrameIntervalUs / US_PER_SECOND;
  const rate = output.frameRate === undefined ? ['-fps_mode passthrough'] : [`-r ${output.frameRate}`];
  const codec =
    output.codec === 'h264'
      ? [`-preset ${output.preset}`, '-tune zerolatency', '-profile:v baseline', '-bf 0', '-forced-idr 1', '-sc_threshold 0', '-g 600']
      : ['-deadline realtime', '-cpu-used 8', '-lag-in-frames 0', '-auto-alt-ref 0', '-g 600'];
  return [
    '-an',
    `-c:v ${encoder}`,
    ...codec,
    ...rate,
    ...sizeOptions(size, output),
    '-pix_fmt yuv420p',
    '-threads 1',
    `-b:v ${bitrateBps}`,
    `-maxrate ${bitrateBps}`,
    `-bufsize ${Math.ceil(bitrateBps / 2)}`,
    // At the first picture after each multiple of the interval, wherever the stream was joined.
    `-force_key_frames expr:if(isnan(prev_forced_t),1,gt(floor(t/${second}),floor(prev_forced_t/${second})))`,
  ];
}

/** Brings a picture to its size, turned and painted on where that is asked for. */
function sizeOptions({ width, height }: PictureSize, { rotationDegrees, watermarkFile }: VideoOutputSpec): string[] {
  if (rotationDegrees === undefined && watermarkFile === undefined) return [`-s ${width}x${height}`];
  const turn = rotationDegrees === undefined ? [] : [TURNS[rotationDegrees]];
  const shown = [...turn, `scale=${width}:${height}`].join(',');
  if (watermarkFile === undefined) return [`-vf ${shown}`];
  // The file is the second input: its path needs no quoting.
  const still = `scale=w='min(iw,${width})':h='min(ih,${height})':force_original_aspect_ratio=decrease`;
  return [`-filter_complex [0:v]${shown}[picture];[1:v]${still}[still];[picture][still]overlay=0:0`];
}

function audioOptions(input: ChainInput, output: AudioOutputSpec, encoder: string): string[] {
  const { sampleRateHz, channels, bitrateBps, samplesPerFrame, options } = audioFormatFor(output, { sampleRateHz: input.sampleRateHz ?? 48_000, channels: input.channels ?? 1 });
  const codec = Object.entries(options).map(([name, value]) => `-${name} ${value}`);
  // Fills holes with silence and works off drift, as the other back end does.
  const sync = 'aresample=async=1000:min_hard_comp=0.04';
  // Codecs that take any number of samples get as many as the other back end gives them.
  const isOpen = ['pcma', 'pcmu', 'g722'].includes(output.codec);
  const filter = isOpen ? `-af aresample=${sampleRateHz},${sync},asetnsamples=n=${samplesPerFrame}` : `-af ${sync}`;
  return ['-vn', `-c:a ${encoder}`, ...codec, `-ar ${sampleRateHz}`, `-ac ${channels}`, filter, ...(bitrateBps === undefined ? [] : [`-b:a ${bitrateBps}`])];
}
