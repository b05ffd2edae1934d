import type { StillPicture } from 'wcs-core/process/av/still-picture';
import { Scaler } from 'wcs-core/process/av/scaler';
import { VideoEncoder } from 'wcs-core/process/av/video-encoder';
import { avcPictureOf } from 'wcs-core/process/av/output-config';
import type { JobOutput } from 'wcs-core/process/child-jobs';
import { stampAgeMs, wallStampMs } from 'wcs-core/process/framing';
import { even, type Cell } from '../layout/cells.ts';
import { layoutCells, type LayoutSpec } from '../layout/layout.ts';
import type { MixEvent, MixSpec } from '../wire/mix-job.ts';
import { Canvas, VOICE } from './canvas.ts';
import type { Decor } from './decor.ts';
import { fitInto, type Fitting } from './fit.ts';
import type { Input } from './mix-input.ts';

type PictureSpec = NonNullable<MixSpec['video']>;

/** An input whose pictures stop keeps its last one this long. */
const STALE_MS = 5000;
const VOICE_BORDER_PX = 4;
/** Of captions, from the edge of the cell. */
const CAPTION_MARGIN_PX = 4;

/** A cell and what was painted into it. */
interface Painted {
  readonly cell: Cell;
  fitting: Fitting | undefined;
  scaler: Scaler | undefined;
  /** Size of the pictures that the fitting is for. */
  source: string;
  isEmpty: boolean;
  hasBorder: boolean;
  /** The `changes` of its input that were painted; -1 before the first time. */
  changes: number;
}

/** What all pictures that are made of the same inputs share. */
export interface Stage {
  layout: LayoutSpec;
  readonly decor: Map<string, Decor>;
  /** Behind all places, of the size of the picture. */
  background: StillPicture | undefined;
  /** Over all of them. */
  watermark: StillPicture | undefined;
}

/** The picture of a mix: cells on one canvas, painted where something has changed, encoded at each tick. */
export class PictureMix {
  readonly #spec: PictureSpec;
  readonly #stage: Stage;
  readonly #output: JobOutput;
  readonly #port: number;
  readonly #without: string | undefined;
  readonly #canvas: Canvas;
  readonly #encoder: VideoEncoder;
  #cells: Painted[] | undefined;
  #keyWanted = true;
  #ticks = 0;
  #config = '';
  /** Of the oldest new picture in this tick. */
  #stampMs = 0;

  /**
   * @param port that its packets go out by
   * @param without id of the input that is left out
   */
  constructor(spec: PictureSpec, stage: Stage, output: JobOutput, port: number, without?: string) {
    const { width, height, fps, bitrateBps, keyFrameIntervalFrames, preset } = spec;
    this.#spec = spec;
    this.#stage = stage;
    this.#output = output;
    this.#port = port;
    this.#without = without;
    this.#canvas = new Canvas(width, height);
    this.#encoder = new VideoEncoder({ codec: 'h264', width, height, frameRate: fps, bitrateBps, maxGopFrames: keyFrameIntervalFrames, preset });
  }

  /** Inputs came, went, or began to have pictures, or the stage has changed: the cells are made anew with the next tick. */
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
    const { watermark } = this.#stage;
    if (watermark !== undefined) this.#canvas.clear({ x: 0, y: 0, width: watermark.width, height: watermark.height });
    // A cell that lies on others is painted again with them, and all of them under a watermark.
    let isCovered = watermark !== undefined;
    for (const painted of cells) {
      const input = inputs.get(painted.cell.id);
      if (input === undefined) continue;
      if (this.#paint(painted, input, nowMs, isCovered)) isCovered = true;
    }
    if (watermark !== undefined) this.#canvas.put(watermark, 0, 0);
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
    const { layout, decor, background } = this.#stage;
    const seen = [...inputs.values()].filter(({ id, hasVideo }) => id !== this.#without && (hasVideo || decor.get(id)?.standsAlone === true));
    this.#canvas.background = background;
    this.#canvas.clear({ x: 0, y: 0, width, height });
    const cells = layoutCells(layout, seen, { width, height, desktopName, desktopAlign });
    return (this.#cells = cells.map((cell) => ({ cell, fitting: undefined, scaler: undefined, source: '', isEmpty: true, hasBorder: false, changes: -1 })));
  }

  /** True when the cell was painted. */
  #paint(painted: Painted, input: Input, nowMs: number, isCovered: boolean): boolean {
    const isShown = !input.videoMuted && input.pictureAtMs !== undefined && nowMs - input.pictureAtMs < STALE_MS;
    const hasBorder = this.#spec.voiceActivity && input.speaking;
    const isChanged = painted.changes !== input.changes;
    const isDue = isCovered || painted.changes < 0 || hasBorder !== painted.hasBorder || (isShown ? isChanged : !painted.isEmpty);
    if (!isDue) return false;
    if (isShown) {
      this.#show(painted, input);
      if (isChanged && stampAgeMs(input.pictureStampMs) > stampAgeMs(this.#stampMs)) this.#stampMs = input.pictureStampMs;
    } else this.#canvas.clear(painted.cell);
    this.#decorated(painted.cell, input, isShown);
    if (hasBorder) this.#canvas.border(painted.cell, VOICE_BORDER_PX, VOICE);
    painted.isEmpty = !isShown;
    painted.hasBorder = hasBorder;
    painted.changes = input.changes;
    return true;
  }

  #show(painted: Painted, { id, picture }: Input): void {
    const source = `${picture.width}x${picture.height}`;
    if (painted.fitting === undefined || painted.source !== source) {
      painted.scaler?.close();
      painted.fitting = fitInto(painted.cell, picture);
      painted.scaler = new Scaler(painted.fitting.width, painted.fitting.height);
      painted.source = source;
      painted.isEmpty = true;
    }
    // Bars beside a picture that fills its cell less than the one before.
    if (painted.isEmpty || painted.hasBorder || this.#stage.decor.has(id)) this.#canvas.clear(painted.cell);
    const { from, to } = painted.fitting;
    this.#canvas.copy(painted.scaler?.scale(picture) ?? picture, from, to);
  }

  /** Avatar, watermark and label of an input, the label in the middle where there are never pictures. */
  #decorated(cell: Cell, { id, hasVideo }: Input, isShown: boolean): void {
    const decor = this.#stage.decor.get(id);
    if (decor === undefined) return;
    const { fontFile, sizePx, audioOnlySizePx } = this.#spec.caption;
    const avatar = isShown ? undefined : decor.avatar(cell);
    if (avatar !== undefined) this.#canvas.put(avatar, cell.x + even((cell.width - avatar.width) / 2), cell.y + even((cell.height - avatar.height) / 2));
    const watermark = decor.watermark(cell);
    if (watermark !== undefined) this.#canvas.put(watermark, cell.x, cell.y);
    const room = cell.width - 2 * CAPTION_MARGIN_PX;
    const caption = fontFile === '' ? undefined : decor.caption({ fontFile, sizePx: hasVideo ? sizePx : audioOnlySizePx, maxWidth: room });
    if (caption === undefined || caption.width > room || caption.height > cell.height - 2 * CAPTION_MARGIN_PX) return;
    if (hasVideo) this.#canvas.put(caption, cell.x + CAPTION_MARGIN_PX, cell.y + cell.height - caption.height - CAPTION_MARGIN_PX);
    else this.#canvas.put(caption, cell.x + even((cell.width - caption.width) / 2), cell.y + even((cell.height - caption.height) / 2));
  }

  #emit(stream: Uint8Array, key: boolean, ptsUs: number): void {
    const { width, height, fps } = this.#spec;
    const { sample, codecConfig } = avcPictureOf(stream);
    if (codecConfig !== undefined && codecConfig !== this.#config) {
      this.#config = codecConfig;
      this.#output.event({ type: 'format', port: this.#port, format: { codec: 'h264', codecConfig, width, height, frameRate: fps } } satisfies MixEvent);
    }
    this.#output.packet({ port: this.#port, key, ptsUs, dtsUs: ptsUs, stampMs: this.#stampMs, data: sample });
  }
}
