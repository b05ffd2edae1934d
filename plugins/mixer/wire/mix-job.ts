import type { Codec } from 'wcs-core';
import { LAST_PORT } from 'wcs-core/process/framing';
import type { LayoutSpec, DesktopAlign } from '../layout/layout.ts';

/** How a mix is made; plain data, as it goes to the child process. */
export interface MixSpec {
  readonly video?: {
    readonly width: number;
    readonly height: number;
    readonly fps: number;
    readonly bitrateBps: number;
    readonly keyFrameIntervalFrames: number;
    readonly preset: string;
    readonly desktopName: string;
    readonly desktopAlign: DesktopAlign;
    /** Marks who speaks. */
    readonly voiceActivity: boolean;
    /** Of labels; without a font there are none. */
    readonly caption: { readonly fontFile: string; readonly sizePx: number; readonly audioOnlySizePx: number };
  };
  readonly audio?: {
    readonly codec: 'opus' | 'aac' | 'pcma' | 'pcmu';
    readonly channels: number;
    readonly bitrateBps?: number;
    /** Of Opus, 0 to 10. */
    readonly opusComplexity?: number;
    /** Below this level an input is no part of the mix. */
    readonly silenceDb: number;
    readonly maxDelayMs: number;
  };
  readonly layout: LayoutSpec;
  /** Time of the first tick on the clock of the outputs. */
  readonly originUs: number;
}

/** One track of an input, as it has to be decoded. */
export interface InputTrack {
  readonly codec: Codec;
  /** Base 64. */
  readonly codecConfig?: string;
  readonly sampleRateHz?: number;
  readonly channels?: number;
}

/** What may be changed of an input. */
export interface InputChange {
  /** Factor of the sound; 0 is silence. */
  readonly gain?: number;
  readonly videoMuted?: boolean;
}

/** What stands on the place of an input; what is absent is taken away. Files in base 64. */
export interface Decoration {
  readonly label?: string | undefined;
  /** Shown while there is no picture. */
  readonly avatar?: string | undefined;
  readonly watermark?: string | undefined;
}

/** What stands behind all places, and over them; what is absent is taken away. Files in base 64. */
export interface Stage {
  readonly background?: string | undefined;
  readonly watermark?: string | undefined;
}

/** What a mix is told while it runs, in order with the packets. */
export type MixCommand =
  | { readonly type: 'addInput'; readonly id: string; readonly port: number; readonly name: string; readonly positionId?: string | undefined }
  | { readonly type: 'removeInput'; readonly id: string }
  | { readonly type: 'track'; readonly id: string; readonly kind: 'audio' | 'video'; readonly track: InputTrack | undefined }
  | { readonly type: 'change'; readonly id: string; readonly change: InputChange }
  | { readonly type: 'layout'; readonly layout: LayoutSpec }
  | { readonly type: 'decorate'; readonly id: string; readonly decoration: Decoration }
  | { readonly type: 'stage'; readonly stage: Stage }
  /** Sound of all inputs but one on a port of its own. */
  | { readonly type: 'addSound'; readonly port: number; readonly without: string }
  | { readonly type: 'removeSound'; readonly port: number }
  /** The picture of all inputs but one on a port of its own. */
  | { readonly type: 'addPicture'; readonly port: number; readonly without: string }
  | { readonly type: 'removePicture'; readonly port: number }
  /** The next picture of a port becomes a key frame. */
  | { readonly type: 'keyFrame'; readonly port: number };

/** What a mix tells. */
export type MixEvent =
  | { readonly type: 'format'; readonly port: number; readonly format: MixFormat }
  /** From here on, or no longer, the packets of the sound of all are those of this port too. */
  | { readonly type: 'follows'; readonly port: number; readonly follows: boolean }
  /** A picture or a font can't be used; the mix goes on without. */
  | { readonly type: 'trouble'; readonly reason: string };

/** Format of an output, before its first packet. */
export interface MixFormat {
  readonly codec: Codec;
  /** Base 64. */
  readonly codecConfig?: string;
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
  readonly sampleRateHz?: number;
  readonly channels?: number;
}

/** Ports of what comes out: of all inputs, and the first of those that leave one out. */
export const OUTPUT_PORT = { video: 0, audio: 1, firstOwn: 2 } as const;

/** Highest number of an input, of which each has two ports. */
export const LAST_INPUT = LAST_PORT >> 1;

/** Port that an input's packets of a kind go in by; `port` is the input's own number. */
export function inputPort(port: number, kind: 'audio' | 'video'): number {
  return port * 2 + (kind === 'audio' ? 1 : 0);
}

/** The inverse of `inputPort`. */
export function inputOf(packetPort: number): { readonly port: number; readonly kind: 'audio' | 'video' } {
  return { port: packetPort >> 1, kind: packetPort % 2 === 1 ? 'audio' : 'video' };
}
