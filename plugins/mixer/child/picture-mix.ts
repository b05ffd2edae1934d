import { Scaler } from 'wcs-core/process/av/scaler';
import { VideoEncoder } from 'wcs-core/process/av/video-encoder';
import { avcPictureOf } from 'wcs-core/process/av/output-config';
import type { JobOutput } from 'wcs-core/process/child-jobs';
import { stampAgeMs, wallStampMs } from 'wcs-core/process/framing';
import type { Cell } from '../layout/cells.ts';
import { layoutCells, type LayoutSpec } from '../layout/layout.ts';
import { OUTPUT_PORT, type MixEvent, type MixSpec } from '../wire/mix-job.ts';
import { BLACK, Canvas, VOICE } from './canvas.ts';
import { fitInto, type Fitting } from './fit.ts';
import type { Input } from './mix-input.ts';

type PictureSpec = NonNullable<MixSpec['video']>;

/** An input whose pictures stop keeps its last one this long. */
const STALE_MS = 5000;
const VOICE_BORDER_PX = 4;

/** A cell and what was painted into it. */
interface Painted {
  readonly cell: Cell;
  fitting: Fitting | undefined;
  scaler: Scaler | undefined;
  /** Size of the pictures that the fitting is for. */
  source: string;
  isEmpty: boolean;
  hasBorder: boolean;
}

/** The picture of a mix: cells on one canvas, painted where something has changed, encoded at each tick. */
export class PictureMix {
  readonly #spec: PictureSpec;
  readonly #output: JobOutput;
  readonly #canvas: Canvas;
  readonly #encoder: VideoEncoder;
  #layout: LayoutSpec;
  #cells: Painted[] | undefined;
  #keyWanted = true;
  #ticks = 0;
  #config = '';
  /** Of the oldest new picture in this tick. */
  #stampMs = 0;

  constructor(spec: PictureSpec, layout: LayoutSpec, output: JobOutput) {
    const { width, height, fps, bitrateBps, keyFrameIntervalFrames, preset } = spec;
    this.#spec = spec;
    this.#layout = layout;
    this.#output = output;
    this.#canvas = new Canvas(width, height);
    this.#encoder = new VideoEncoder({ codec: 'h264', width, height, frameRate: fps, bitrateBps, maxGopFrames: keyFrameIntervalFrames, preset });
  }

  setLayout(layout: LayoutSpec): void {
    this.#layout = layout;
    this.arrange();
  }

  /** Inputs came, went, or began to have pictures: the cells are made anew with the next tick. */
  arrange(): void {
    for (const { scaler } of this.#cells ?? []) scaler?.close();
    this.#cells = undefined;
  }

  requestKeyFrame(): void {
    this.#keyWanted = true;
  }

  /** @param ptsUs time of the tick on the outputs' clock */
  tick(inputs: ReadonlyMap<string, Input>, ptsUs: number, nowMs: number): void {
    this.#canvas.begin();
    this.#stampMs = wallStampMs();
    const cells = this.#cells ?? this.#arranged(inputs);
    // A cell that lies on others is painted again with them.
    let isCovered = false;
    for (const painted of cells) {
      const input = inputs.get(painted.cell.id);
      if (input === undefined) continue;
      if (this.#paint(painted, input, nowMs, isCovered)) isCovered = true;
    }
    const isKey = this.#keyWanted || this.#ticks % this.#spec.keyFrameIntervalFrames === 0;
    this.#keyWanted = false;
    this.#ticks += 1;
    this.#encoder.encode(this.#canvas.frame, ptsUs, isKey, ({ data, key }) => this.#emit(data, key, ptsUs));
  }

  close(): void {
    this.arrange();
    this.#encoder.close();
    this.#canvas.close();
  }

  #arranged(inputs: ReadonlyMap<string, Input>): Painted[] {
    const { width, height, desktopName, desktopAlign } = this.#spec;
    const seen = [...inputs.values()].filter(({ hasVideo }) => hasVideo);
    this.#canvas.fill({ x: 0, y: 0, width, height }, BLACK);
    const cells = layoutCells(this.#layout, seen, { width, height, desktopName, desktopAlign });
    for (const input of seen) input.dirty = true;
    return (this.#cells = cells.map((cell) => ({ cell, fitting: undefined, scaler: undefined, source: '', isEmpty: true, hasBorder: false })));
  }

  /** True when the cell was painted. */
  #paint(painted: Painted, input: Input, nowMs: number, isCovered: boolean): boolean {
    const isShown = !input.videoMuted && input.pictureAtMs !== undefined && nowMs - input.pictureAtMs < STALE_MS;
    const hasBorder = this.#spec.voiceActivity && input.speaking;
    const isDue = isCovered || hasBorder !== painted.hasBorder || (isShown ? input.dirty : !painted.isEmpty);
    if (!isDue) return false;
    if (isShown) {
      this.#show(painted, input);
      if (input.dirty && stampAgeMs(input.pictureStampMs) > stampAgeMs(this.#stampMs)) this.#stampMs = input.pictureStampMs;
    } else this.#canvas.fill(painted.cell, BLACK);
    if (hasBorder) this.#canvas.border(painted.cell, VOICE_BORDER_PX, VOICE);
    painted.isEmpty = !isShown;
    painted.hasBorder = hasBorder;
    input.dirty = false;
    return true;
  }

  #show(painted: Painted, { picture }: Input): void {
    const source = `${picture.width}x${picture.height}`;
    if (painted.fitting === undefined || painted.source !== source) {
      painted.scaler?.close();
      painted.fitting = fitInto(painted.cell, picture);
      painted.scaler = new Scaler(painted.fitting.width, painted.fitting.height);
      painted.source = source;
      painted.isEmpty = true;
    }
    // Bars beside a picture that fills its cell less than the one before.
    if (painted.isEmpty || painted.hasBorder) this.#canvas.fill(painted.cell, BLACK);
    const { from, to } = painted.fitting;
    this.#canvas.copy(painted.scaler?.scale(picture) ?? picture, from, to);
  }

  #emit(stream: Uint8Array, key: boolean, ptsUs: number): void {
    const { width, height, fps } = this.#spec;
    const { sample, codecConfig } = avcPictureOf(stream);
    if (codecConfig !== undefined && codecConfig !== this.#config) {
      this.#config = codecConfig;
      this.#output.event({ type: 'format', port: OUTPUT_PORT.video, format: { codec: 'h264', codecConfig, width, height, frameRate: fps } } satisfies MixEvent);
    }
    this.#output.packet({ port: OUTPUT_PORT.video, key, ptsUs, dtsUs: ptsUs, stampMs: this.#stampMs, data: sample });
  }
}
