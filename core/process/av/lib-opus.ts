import type * as LibOpusModule from '@evan/opus';
import { WcsError } from '../../errors/wcs-error.ts';

type LibOpus = Pick<typeof LibOpusModule, 'Encoder' | 'Decoder'>;
export type LibOpusEncoder = LibOpusModule.Encoder;
export type LibOpusDecoder = LibOpusModule.Decoder;

let libOpus: LibOpus | undefined;

/** Loads libopus without FFmpeg around it; false where that package isn't installed. */
export async function loadOpus(): Promise<boolean> {
  libOpus ??= await import('@evan/opus').catch(() => undefined);
  return libOpus !== undefined;
}

/** Whether it is loaded. */
export function hasOpus(): boolean {
  return libOpus !== undefined;
}

/** @throws WcsError MEDIA_E_PROCESSING where `loadOpus` has not answered true */
export function opus(): LibOpus {
  if (libOpus === undefined) throw new WcsError('MEDIA_E_PROCESSING', 'libopus is not loaded');
  return libOpus;
}

/** What has ended and is left to who begins: the memory of encoders and decoders is out of the engine's sight and would be given back late. */
export class Resting<Coder extends { reset(): void }> {
  readonly #byForm = new Map<string, Coder[]>();

  take(form: string): Coder | undefined {
    return this.#byForm.get(form)?.pop();
  }

  leave(form: string, coder: Coder): void {
    coder.reset();
    const rest = this.#byForm.get(form);
    if (rest === undefined) this.#byForm.set(form, [coder]);
    else rest.push(coder);
  }
}
