import type { LayoutSpec } from '../layout/layout.ts';
import type { MixSettings } from '../settings.ts';
import type { MixSpec } from '../wire/mix-job.ts';

/** How a mixer was asked for; plain data. */
export interface MixerOrder {
  /** `mixer://ID`, which names it in operations. */
  readonly uri: string;
  /** The stream that it makes. */
  readonly streamName: string;
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  readonly settings: MixSettings;
  readonly layout: LayoutSpec;
  /** The folder that the layout comes from, and follows. */
  readonly layoutFolder?: string | undefined;
  /** Files in the folder of pictures: behind all places, and over them. */
  readonly background?: string | undefined;
  readonly watermark?: string | undefined;
  /** True where it began with a participant: each of them gets a stream without the own voice. */
  readonly isRoom: boolean;
}

/** A stream that goes into a mixer; plain data. */
export interface InputOrder {
  readonly streamName: string;
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  /** Its place in a layout of one's own. */
  readonly positionId?: string | undefined;
  /** Factor of the sound. */
  readonly gain: number;
  readonly videoMuted: boolean;
  /** Text on its place; undefined: the stream's name, where names are displayed. */
  readonly label?: string | undefined;
  /** A file in the folder of pictures, or a URL. */
  readonly avatar?: string | undefined;
  /** IP address of who gave the avatar. */
  readonly avatarCaller?: string | undefined;
  /** A file in the folder of pictures. */
  readonly watermark?: string | undefined;
  /** IP address of who added it: what it may reach, the mixer may reach. */
  readonly caller?: string | undefined;
  /** Where its participant hears the others; in rooms only. */
  readonly ownStreamName?: string | undefined;
}

/** What the child process is told of a mixer. */
export function specOf({ hasVideo, hasAudio, settings, layout }: MixerOrder, fontFile: string, originUs: number): MixSpec {
  const { width, height, fps, videoBitrateKbps, keyFrameIntervalFrames, preset, desktopName, desktopAlign, voiceActivity } = settings;
  const { captionSizePx: sizePx, captionAudioOnlySizePx: audioOnlySizePx } = settings;
  const { audioCodec: codec, audioChannels: channels, silenceDb, maxDelayMs, opusComplexity } = settings;
  return {
    ...(hasVideo ? { video: { width, height, fps, bitrateBps: videoBitrateKbps * 1000, keyFrameIntervalFrames, preset, desktopName, desktopAlign, voiceActivity: voiceActivity && hasAudio, caption: { fontFile, sizePx, audioOnlySizePx } } } : {}),
    ...(hasAudio ? { audio: { codec, channels, opusComplexity, silenceDb, maxDelayMs } } : {}),
    layout,
    originUs,
  };
}
