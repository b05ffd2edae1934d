import type * as Koffi from 'koffi';
import { WcsError } from '../../errors/wcs-error.ts';
import type { SampleEncoder } from './audio-encoder.ts';

/** Of Debian's libbcg729-0, or wherever else the system looks for libraries. */
const LIBRARY = 'libbcg729.so.0';
const SAMPLES = 80;
const BYTES = 10;
/** Frames of the codec in what is made at a time: 20 ms. */
const FRAMES = 2;

/** The functions of libbcg729 that are used. */
interface Bcg729 {
  open(enableVad: number): unknown;
  encode(context: unknown, samples: Int16Array, bits: Uint8Array, length: Uint8Array): void;
  close(context: unknown): void;
}

let bcg729: Bcg729 | undefined;

/** Loads libbcg729; false where it, or koffi, isn't installed. */
export async function loadG729(): Promise<boolean> {
  bcg729 ??= await import('koffi').then(bind).catch(() => undefined);
  return bcg729 !== undefined;
}

function bind(koffi: typeof Koffi): Bcg729 {
  const library = koffi.load(LIBRARY);
  return {
    open: library.func('void *initBcg729EncoderChannel(uint8_t enableVad)') as Bcg729['open'],
    encode: library.func('void bcg729Encoder(void *context, const void *samples, void *bits, void *length)') as Bcg729['encode'],
    close: library.func('void closeBcg729EncoderChannel(void *context)') as Bcg729['close'],
  };
}

/** G.729 at 8 kbit/s, without pauses (annex B). FFmpeg has a decoder alone. */
export class G729Encoder implements SampleEncoder {
  readonly samplesPerFrame = SAMPLES * FRAMES;
  #context: unknown;
  readonly #samples = new Int16Array(SAMPLES);
  readonly #bits = new Uint8Array(BYTES);
  readonly #length = new Uint8Array(1);

  /** @throws WcsError MEDIA_E_PROCESSING where `loadG729` has not answered true */
  constructor() {
    this.#context = bcg729?.open(0);
    if (this.#context === undefined || this.#context === null) throw new WcsError('MEDIA_E_PROCESSING', 'No encoder libbcg729');
  }

  encode(samples: Int16Array, pts: number, onPacket: (data: Uint8Array, pts: number) => void): void {
    if (samples.length !== this.samplesPerFrame) throw new WcsError('MEDIA_E_PROCESSING', `${samples.length} samples for an audio frame of ${this.samplesPerFrame}`);
    if (this.#context === undefined) return;
    const made = new Uint8Array(BYTES * FRAMES);
    for (let frame = 0; frame < FRAMES; frame += 1) {
      this.#samples.set(samples.subarray(frame * SAMPLES, (frame + 1) * SAMPLES));
      bcg729?.encode(this.#context, this.#samples, this.#bits, this.#length);
      made.set(this.#bits, frame * BYTES);
    }
    onPacket(made, pts);
  }

  close(): void {
    if (this.#context !== undefined) bcg729?.close(this.#context);
    this.#context = undefined;
  }
}
