import ffmpeg from 'fluent-ffmpeg';
import type { Codec, Scope } from 'wcs-core';
import type { ChainInput } from '../processor/chain-spec.ts';
import { codecsOf, DECODERS, ENCODERS } from 'wcs-core/process/av/codec-names';
import type { Chain, ChainSink, MediaProcessor } from '../processor/processor.ts';
import { canCarry } from './container-track.ts';
import { FfmpegChain, type FfmpegHost, type FfmpegRun } from './ffmpeg-chain.ts';

/** FFmpeg's names of codecs, which its decoders are listed by. */
const CODEC_NAMES: Readonly<Partial<Record<string, string>>> = { libdav1d: 'av1', libopus: 'opus', mp3float: 'mp3', g722: 'adpcm_g722', libspeex: 'speex' };

/** The system's ffmpeg, a process for each track that is made. */
export class FfmpegProcessor implements MediaProcessor {
  readonly name = 'ffmpeg';
  readonly decoders: ReadonlySet<Codec>;
  readonly encoders: ReadonlySet<Codec>;
  readonly #encoderNames: ReadonlySet<string>;
  readonly #runs = new Set<FfmpegRun>();
  readonly #scope: Scope;

  private constructor(scope: Scope, encoderNames: ReadonlySet<string>, decoderNames: ReadonlySet<string>) {
    this.#scope = scope;
    this.#encoderNames = encoderNames;
    this.encoders = new Set(codecsOf(ENCODERS, (names) => names.some((name) => encoderNames.has(name))));
    this.decoders = new Set(codecsOf(DECODERS, (names) => names.some((name) => decoderNames.has(CODEC_NAMES[name] ?? name))).filter(canCarry));
    scope.add('ffmpeg processes', () => this.close());
  }

  /** Asks the program on the path what it can do. Rejects where there is none. */
  static async open(scope: Scope): Promise<FfmpegProcessor> {
    const encoders = await listed((take) => ffmpeg.getAvailableEncoders(take));
    const codecs = await listed((take) => ffmpeg.getAvailableCodecs(take));
    const decodable = Object.entries(codecs).filter(([, facts]) => (facts as { canDecode?: boolean }).canDecode === true);
    return new FfmpegProcessor(scope, new Set(Object.keys(encoders)), new Set(decodable.map(([name]) => name)));
  }

  /** Not measured: a process counts as a fifth of a core. */
  get cores(): number {
    return this.#runs.size / 5;
  }

  get processes(): number {
    return this.#runs.size;
  }

  openChain(input: ChainInput, sink: ChainSink): Chain {
    const host: FfmpegHost = {
      scope: this.#scope,
      encoderOf: (codec) => ENCODERS[codec]?.find((name) => this.#encoderNames.has(name)),
      started: (run) => void this.#runs.add(run),
      ended: (run) => void this.#runs.delete(run),
    };
    return new FfmpegChain(input, sink, host);
  }

  close(): void {
    for (const run of [...this.#runs]) run.close();
  }
}

function listed(ask: (take: (error: Error | null, list: object) => void) => void): Promise<object> {
  return new Promise((resolve, reject) => {
    ask((error, list) => {
      if (error instanceof Error) reject(error);
      else resolve(list);
    });
  });
}
