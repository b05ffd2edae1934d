import type { JobOutput } from 'wcs-core/process/child-jobs';
import { decodeStill, type StillPicture } from 'wcs-core/process/av/still-picture';
import type { LayoutSpec } from '../layout/layout.ts';
import { OUTPUT_PORT, type Decoration, type MixEvent, type MixSpec, type Stage as StageFiles } from '../wire/mix-job.ts';
import { Decor, orTrouble } from './decor.ts';
import type { Input } from './mix-input.ts';
import { PictureMix, type Stage } from './picture-mix.ts';

/** The pictures of a mix: the one of all inputs, and for participants who want that the one of all others. */
export class PictureMixes {
  readonly #spec: NonNullable<MixSpec['video']>;
  readonly #output: JobOutput;
  readonly #stage: Stage;
  readonly #mixes = new Map<number, PictureMix>();

  constructor(spec: NonNullable<MixSpec['video']>, layout: LayoutSpec, output: JobOutput) {
    this.#spec = spec;
    this.#output = output;
    this.#stage = { layout, decor: new Map(), background: undefined, watermark: undefined };
    this.#mixes.set(OUTPUT_PORT.video, new PictureMix(spec, this.#stage, output, OUTPUT_PORT.video));
  }

  addOwn(port: number, without: string): void {
    this.removeOwn(port);
    this.#mixes.set(port, new PictureMix(this.#spec, this.#stage, this.#output, port, without));
  }

  removeOwn(port: number): void {
    this.#mixes.get(port)?.close();
    this.#mixes.delete(port);
  }

  setLayout(layout: LayoutSpec): void {
    this.#stage.layout = layout;
    this.arrange();
  }

  /** Before its input is there, or while it is. */
  decorate(id: string, decoration: Decoration): void {
    const decor = this.#stage.decor.get(id) ?? new Decor(this.#onTrouble);
    this.#stage.decor.set(id, decor);
    decor.set(decoration);
    this.arrange();
  }

  /** An input is gone. */
  forget(id: string): void {
    this.#stage.decor.delete(id);
    this.arrange();
  }

  setStage({ background, watermark }: StageFiles): void {
    const { width, height } = this.#spec;
    const still = (file: string | undefined, fit: 'cover' | 'within'): StillPicture | undefined =>
      file === undefined ? undefined : orTrouble(() => decodeStill(Buffer.from(file, 'base64'), { width, height }, fit), this.#onTrouble);
    this.#stage.background = still(background, 'cover');
    this.#stage.watermark = still(watermark, 'within');
    this.arrange();
  }

  /** Inputs came, went, or began to have pictures. */
  arrange(): void {
    for (const mix of this.#mixes.values()) mix.arrange();
  }

  requestKeyFrame(port: number): void {
    this.#mixes.get(port)?.requestKeyFrame();
  }

  /** @param ptsUs time of the tick on the outputs' clock */
  tick(inputs: ReadonlyMap<string, Input>, ptsUs: number, nowMs: number): void {
    for (const mix of this.#mixes.values()) mix.tick(inputs, ptsUs, nowMs);
  }

  close(): void {
    for (const mix of this.#mixes.values()) mix.close();
    this.#mixes.clear();
  }

  readonly #onTrouble = (reason: string): void => this.#output.event({ type: 'trouble', reason } satisfies MixEvent);
}
