import { looseBoolean, WcsError, type PluginContext } from 'wcs-core';
import { z } from 'zod';
import type { RtmpSettings } from '../server/settings.ts';
import { parseRelayAddress, shownAddress } from '../session/relay-address.ts';
import type { Push, Relays } from './relays.ts';

const wish = z.object({
  streamName: z.string().min(1),
  rtmpUrl: z.string().min(1).max(2048),
  rtmpTransponderFullUrl: looseBoolean().default(false).describe('The URL names the stream on the other server; else the name of the stream is put behind it'),
  rtmpFlashVersion: z.string().min(1).max(255).optional().describe('What the publisher calls itself'),
  options: z.record(z.string(), z.unknown()).default({}).describe('Handed back in replies'),
});
const filter = z.object({ streamName: z.string().optional(), rtmpUrl: z.string().optional() });
const one = z.object({ mediaSessionId: z.string() });
const soundOn = one.extend({ soundFile: z.string().min(1), loop: looseBoolean().default(false) });

/** `push.*`: streams on their way to other RTMP servers. */
export function registerPushOperations(ctx: PluginContext<RtmpSettings>, relays: Relays): void {
  ctx.operations.register({
    name: 'push.startup',
    summary: 'Push a stream to an RTMP server; answers once that takes it',
    role: 'admin',
    input: wish,
    cli: { positional: ['streamName', 'rtmpUrl'] },
    handler: async ({ rtmpTransponderFullUrl: fullUrl, rtmpFlashVersion: flashVersion, ...rest }, { caller }) =>
      row(await relays.push({ ...rest, fullUrl, flashVersion, caller: caller.address })),
  });
  ctx.operations.register({
    name: 'push.find',
    summary: 'Pushes that match every field given; 404 when there are none',
    role: 'viewer',
    input: filter,
    cli: { positional: ['streamName'] },
    handler: ({ streamName, rtmpUrl }) => rows(relays.pushes.filter((push) => hasName(push, streamName) && leadsTo(push, rtmpUrl))),
  });
  ctx.operations.register({
    name: 'push.find_all',
    summary: 'All pushes; 404 when there are none',
    role: 'viewer',
    input: z.object({}),
    handler: () => rows(relays.pushes),
  });
  ctx.operations.register({
    name: 'push.terminate',
    summary: 'End a push',
    role: 'admin',
    input: one,
    cli: { positional: ['mediaSessionId'] },
    handler: ({ mediaSessionId }) => found(relays, mediaSessionId).end('Stopped by rest /terminate'),
  });
  registerSoundOperations(ctx, relays);
}

function registerSoundOperations(ctx: PluginContext<RtmpSettings>, relays: Relays): void {
  for (const [name, muted] of [['push.mute', true], ['push.unmute', false]] as const) {
    ctx.operations.register({
      name,
      summary: muted ? 'Send silence in place of the sound of a pushed stream' : 'Send the sound of a pushed stream again',
      role: 'admin',
      input: one,
      cli: { positional: ['mediaSessionId'] },
      handler: ({ mediaSessionId }) => found(relays, mediaSessionId).media.sound.setMuted(muted),
    });
  }
  ctx.operations.register({
    name: 'push.sound_on',
    summary: 'Send the sound of a file in place of that of a pushed stream',
    role: 'admin',
    input: soundOn,
    cli: { positional: ['mediaSessionId', 'soundFile'] },
    handler: ({ mediaSessionId, soundFile, loop }) => found(relays, mediaSessionId).media.sound.soundOn(soundFile, loop),
  });
  ctx.operations.register({
    name: 'push.sound_off',
    summary: 'Send the sound of the stream itself again',
    role: 'admin',
    input: one,
    cli: { positional: ['mediaSessionId'] },
    handler: ({ mediaSessionId }) => found(relays, mediaSessionId).media.sound.soundOff(),
  });
}

/** The WCS "transponder" object. */
function row({ session, order, media, status, lastError }: Push): Readonly<Record<string, unknown>> {
  const { width, height, muted, soundEnabled, omitted = [] } = media.facts;
  return {
    mediaSessionId: session.id,
    streamName: order.address.streamName,
    localStreamName: order.localName,
    rtmpUrl: order.shownUrl,
    status,
    width,
    height,
    muted,
    soundEnabled,
    options: order.options,
    ...(omitted.length === 0 ? {} : { omitted }),
    ...(lastError === undefined ? {} : { lastError }),
  };
}

function rows(pushes: readonly Push[]): readonly Readonly<Record<string, unknown>>[] {
  if (pushes.length === 0) throw new WcsError('OPERATION_E_EMPTY', 'No push matches.');
  return pushes.map(row);
}

function found(relays: Relays, mediaSessionId: string): Push {
  const push = relays.pushes.find(({ session }) => session.id === mediaSessionId);
  if (push === undefined) throw new WcsError('SESSION_E_NOT_FOUND', `There is no push ${mediaSessionId}.`);
  return push;
}

/** The name here and the one on the other server both count. */
function hasName({ order }: Push, name: string | undefined): boolean {
  return name === undefined || order.localName === name || order.address.streamName === name;
}

function leadsTo({ order }: Push, url: string | undefined): boolean {
  return url === undefined || order.shownUrl === shownAddress(parseRelayAddress(url, false));
}
