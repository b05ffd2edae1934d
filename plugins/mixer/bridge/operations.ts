import { looseBoolean, looseNumber, messageOf, shownStreamName, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { CustomLayout, LayoutSpec } from '../layout/layout.ts';
import { placesSchema } from '../server/layout-folder.ts';
import { mixSettings, type MixerSettings, type MixSettings } from '../settings.ts';
import { namesLike, PATTERN_MAX_CHARS } from '../wire/names-like.ts';
import { registerDecorations } from './decorations.ts';
import type { Mixer } from './mixer.ts';
import type { Mixers } from './mixers.ts';
import { notIn, type Register } from './register.ts';

const places = z.record(z.string().regex(/^[1-9]\d{0,2}$/, 'the number of inputs'), placesSchema);

/** The last word of the class names that WCS has for its layouts. */
const LAYOUT_CLASSES: Readonly<Record<string, Exclude<LayoutSpec['type'], 'custom'>>> = {
  GridLayout: 'grid',
  CenterNoPaddingGridLayout: 'gridNoPadding',
  NoPaddingGridLayout: 'gridNoPadding',
  CropNoPaddingGridLayout: 'crop',
  PictureInPictureLayout: 'pictureInPicture',
};

const uri = z.string().regex(/^mixer:\/\/.+$/, 'mixer://ID').max(300);
const layoutFields = {
  mixerLayoutClass: z.string().optional().describe('a class name of WCS, or grid, gridNoPadding, crop, pictureInPicture'),
  mixerLayout: places.optional().describe('places by the number of inputs, in shares of the picture'),
  mixerLayoutDir: z.string().max(1000).optional().describe('a folder in the folder of layouts; empty: the layout of the class again'),
};
const startup = z.object({
  uri,
  localStreamName: z.string(),
  hasVideo: looseBoolean().default(true),
  hasAudio: looseBoolean().default(true),
  ...layoutFields,
  mixerVideoWidth: looseNumber().optional(),
  mixerVideoHeight: looseNumber().optional(),
  mixerVideoFps: looseNumber().optional(),
  mixerVideoBitrateKbps: looseNumber().optional(),
  mixerDesktopAlign: z.string().optional(),
  mixerVoiceActivity: looseBoolean().optional(),
  mixerAudioSilenceThreshold: looseNumber().optional(),
  mixerAudioCodec: z.string().optional(),
  mixerAudioChannels: looseNumber().optional(),
  mixerInBufferingMs: looseNumber().optional(),
  mixerDisplayStreamName: looseBoolean().optional(),
  background: z.string().optional().describe('a file in the folder of pictures'),
  watermark: z.string().optional().describe('a file in the folder of pictures'),
});

/** The operations of `/rest-api/mixer`. @see wcs-rest-api.md section 8 */
export function registerOperations(ctx: PluginContext<MixerSettings>, mixers: Mixers): void {
  const register: Register = (operation) => ctx.operations.register({ role: 'admin', ...operation });
  registerLife(register, ctx, mixers);
  registerChanges(register, mixers);
  registerDecorations(register, mixers);
}

/** Begin, end, and what there is. */
function registerLife(register: Register, ctx: PluginContext<MixerSettings>, mixers: Mixers): void {
  register({
    name: 'mixer.startup',
    summary: 'Start a mixer; 409 when its URI or stream name is in use',
    input: startup,
    handler: async (wish) => {
      const settings = settingsOf(wish, ctx.settings);
      const { background, watermark } = wish;
      for (const name of [background, watermark]) if (name !== undefined) await mixers.pictures.read(name);
      const { layout, layoutFolder } = await choiceOf(wish, mixers, settings.layout);
      mixers.open({ uri: wish.uri, background, watermark, streamName: wish.localStreamName, hasVideo: wish.hasVideo, hasAudio: wish.hasAudio, settings, layout, layoutFolder, isRoom: false });
    },
  });
  register({
    name: 'mixer.terminate',
    summary: 'End a mixer',
    input: z.object({ uri }),
    cli: { positional: ['uri'] },
    handler: ({ uri: target }) => mixers.get(target).session.close('Stopped by rest /terminate'),
  });
  register({ name: 'mixer.find_all', summary: 'All mixers; 404 when there are none', role: 'viewer', input: z.object({}), handler: () => mixers.all.map(rowOf) });
  register({
    name: 'mixer.find',
    summary: 'Mixers that match every field given; 404 when there are none',
    role: 'viewer',
    input: z.object({ uri: z.string().optional(), localStreamName: z.string().optional() }),
    handler: (wanted) => mixers.all.map(rowOf).filter((row) => (wanted.uri ?? row.uri) === row.uri && (wanted.localStreamName ?? row.localStreamName) === row.localStreamName),
  });
}

/** Inputs, levels and layout of a running mixer. */
function registerChanges(register: Register, mixers: Mixers): void {
  register({
    name: 'mixer.add',
    summary: 'Add a stream to a mixer; 404 when there is no such mixer or stream',
    input: z.object({ uri, remoteStreamName: z.string(), hasVideo: looseBoolean().default(true), hasAudio: looseBoolean().default(true), videoPositionId: z.string().optional(), streamLabel: z.string().max(200).optional(), avatar: z.string().max(2000).optional().describe('a file in the folder of pictures, or a URL') }),
    handler: async ({ uri: target, remoteStreamName, hasVideo, hasAudio, videoPositionId, streamLabel, avatar }, { caller }) => {
      if (avatar !== undefined) await mixers.pictures.readAvatar(avatar, caller.address);
      await mixers.add(target, { streamName: remoteStreamName, hasVideo, hasAudio, positionId: videoPositionId, gain: 1, videoMuted: false, label: streamLabel, avatar, avatarCaller: caller.address, caller: caller.address });
    },
  });
  register({
    name: 'mixer.remove',
    summary: 'Take a stream out of a mixer',
    input: z.object({ uri, remoteStreamName: z.string() }),
    handler: ({ uri: target, remoteStreamName }) => {
      if (!mixers.get(target).remove(remoteStreamName)) throw notIn(target, remoteStreamName);
    },
  });
  register({
    name: 'mixer.setAudioVideo',
    summary: 'Change what is heard and seen of streams: a list of names, or a regular expression',
    input: z.object({ uri, streams: z.union([z.array(z.string()), z.string().max(PATTERN_MAX_CHARS)]), audioLevel: looseNumber().optional().describe('percent, 0 to 400'), videoMuted: looseBoolean().optional() }),
    handler: ({ uri: target, streams, audioLevel, videoMuted }) => {
      const mixer = mixers.get(target);
      const names = chosenOf(mixer, streams);
      if (names.length === 0) throw notIn(target, String(streams));
      const gain = audioLevel === undefined ? undefined : Math.min(4, Math.max(0, audioLevel / 100));
      for (const name of names) mixer.change(name, { ...(gain === undefined ? {} : { gain }), ...(videoMuted === undefined ? {} : { videoMuted }) });
    },
  });
  register({
    name: 'mixer.set_parameter',
    summary: 'Change the layout of a running mixer',
    input: z.object({ uri, ...layoutFields }),
    handler: async ({ uri: target, ...wish }) => {
      const { order } = mixers.get(target);
      if (Object.values(wish).every((value) => value === undefined)) throw new WcsError('OPERATION_E_INPUT', 'Give mixerLayoutClass, mixerLayout or mixerLayoutDir.');
      const { layout, layoutFolder } = await choiceOf(wish, mixers, order.settings.layout);
      mixers.get(target).setLayout(layout, layoutFolder);
    },
  });
}

function rowOf({ order, inputs, streamId, session }: Mixer) {
  const { uri: name, streamName, hasAudio, hasVideo, settings, layout } = order;
  return {
    ...settings,
    uri: name,
    localStreamName: streamName,
    localMediaSessionId: streamId,
    status: session.entry.state,
    hasAudio,
    hasVideo,
    mediaSessions: inputs.map((input) => ({ streamName: shownStreamName(input.streamName), hasAudio: input.hasAudio, hasVideo: input.hasVideo, audioLevel: Math.round(input.gain * 100), videoMuted: input.videoMuted, streamLabel: input.label, avatar: input.avatar === undefined ? undefined : shownStreamName(input.avatar), watermark: input.watermark, ownStreamName: input.ownStreamName })),
    layout,
    mixerLayoutDir: order.layoutFolder,
    background: order.background,
    watermark: order.watermark,
  };
}

interface LayoutWish {
  readonly mixerLayout?: CustomLayout | undefined;
  readonly mixerLayoutClass?: string | undefined;
  readonly mixerLayoutDir?: string | undefined;
}

/** The layout that is asked for, and the folder that it comes from. @throws WcsError OPERATION_E_INPUT, MEDIA_E_NOT_FOUND, ACCESS_E_REFUSED */
async function choiceOf(wish: LayoutWish, mixers: Mixers, usual: MixSettings['layout']): Promise<{ readonly layout: LayoutSpec; readonly layoutFolder: string | undefined }> {
  const { mixerLayoutDir: folder = '' } = wish;
  if (folder !== '') return { layout: { type: 'custom', places: await mixers.layouts.read(folder) }, layoutFolder: folder };
  return { layout: layoutOf(wish) ?? { type: usual }, layoutFolder: undefined };
}

/** What the start says for this mixer only, over the settings. @throws WcsError OPERATION_E_INPUT */
function settingsOf(wish: z.output<typeof startup>, defaults: MixerSettings): MixSettings {
  const own = {
    width: wish.mixerVideoWidth,
    height: wish.mixerVideoHeight,
    fps: wish.mixerVideoFps,
    videoBitrateKbps: wish.mixerVideoBitrateKbps,
    desktopAlign: wish.mixerDesktopAlign,
    voiceActivity: wish.mixerVoiceActivity,
    silenceDb: wish.mixerAudioSilenceThreshold,
    audioCodec: wish.mixerAudioCodec,
    audioChannels: wish.mixerAudioChannels,
    maxDelayMs: wish.mixerInBufferingMs,
    displayStreamNames: wish.mixerDisplayStreamName,
    layout: classOf(wish.mixerLayoutClass),
  };
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const parsed = mixSettings.safeParse({ ...defaults, ...given });
  if (!parsed.success) throw new WcsError('OPERATION_E_INPUT', z.prettifyError(parsed.error));
  return parsed.data;
}

/** @throws WcsError OPERATION_E_INPUT for a layout that nobody knows */
function layoutOf({ mixerLayout, mixerLayoutClass }: LayoutWish): LayoutSpec | undefined {
  if (mixerLayout !== undefined) return { type: 'custom', places: mixerLayout };
  const type = classOf(mixerLayoutClass);
  return type === undefined ? undefined : { type };
}

/** @throws WcsError OPERATION_E_INPUT for a class that nobody knows */
function classOf(layoutClass: string | undefined): MixSettings['layout'] | undefined {
  if (layoutClass === undefined) return undefined;
  const name = layoutClass.split('.').at(-1) ?? '';
  const type = LAYOUT_CLASSES[name] ?? Object.values(LAYOUT_CLASSES).find((known) => known === name);
  if (type === undefined) throw new WcsError('OPERATION_E_INPUT', `There is no layout ${name}; there are ${Object.keys(LAYOUT_CLASSES).join(', ')}.`);
  return type;
}

function chosenOf(mixer: Mixer, streams: string | readonly string[]): string[] {
  const names = mixer.inputs.map(({ streamName }) => streamName);
  if (typeof streams !== 'string') return names.filter((name) => streams.includes(name));
  try {
    return namesLike(streams, names);
  } catch (error) {
    throw new WcsError('OPERATION_E_INPUT', `${JSON.stringify(streams)} is no pattern of names: ${messageOf(error)}.`);
  }
}
