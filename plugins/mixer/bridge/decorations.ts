import { WcsError } from 'wcs-core';
import { z } from 'zod';
import type { Mixers } from './mixers.ts';
import { notIn, type Register } from './register.ts';

const uri = z.string().max(300);
const picture = z.string().max(1000).describe('a file in the folder of pictures; empty takes it away');
const ofStream = { uri, remoteStreamName: z.string().optional(), stream: z.string().optional().describe('the same as remoteStreamName') };

/** Watermarks, backgrounds, avatars and labels of a running mixer. */
export function registerDecorations(register: Register, mixers: Mixers): void {
  const named = async (name: string): Promise<string | undefined> => {
    if (name === '') return undefined;
    await mixers.pictures.read(name);
    return name;
  };
  type Change = Parameters<ReturnType<Mixers['get']>['decorate']>[1];
  const decorate = (wish: { readonly uri: string; readonly remoteStreamName?: string | undefined; readonly stream?: string | undefined }, change: Change): void => {
    const name = wish.remoteStreamName ?? wish.stream;
    if (name === undefined) throw new WcsError('OPERATION_E_INPUT', 'Give remoteStreamName.');
    if (!mixers.get(wish.uri).decorate(name, change)) throw notIn(wish.uri, name);
  };
  register({
    name: 'mixer.set_body_watermark',
    summary: 'Put a picture over the whole mix',
    input: z.object({ uri, watermark: picture }),
    handler: async (wish) => mixers.get(wish.uri).setStage({ watermark: await named(wish.watermark) }),
  });
  register({
    name: 'mixer.set_background',
    summary: 'Put a picture behind all places of a mix',
    input: z.object({ uri, background: picture }),
    handler: async (wish) => mixers.get(wish.uri).setStage({ background: await named(wish.background) }),
  });
  register({
    name: 'mixer.set_stream_watermark',
    summary: 'Put a picture over one input',
    input: z.object({ ...ofStream, watermark: picture }),
    handler: async (wish) => decorate(wish, { watermark: await named(wish.watermark) }),
  });
  register({
    name: 'mixer.set_stream_label',
    summary: 'Write a text on the place of an input; empty for none',
    input: z.object({ ...ofStream, label: z.string().max(200) }),
    handler: (wish) => decorate(wish, { label: wish.label }),
  });
  register({
    name: 'mixer.set_stream_avatar',
    summary: 'Set the picture that is shown while an input has none',
    input: z.object({ ...ofStream, avatar: z.string().max(2000).describe('a file in the folder of pictures, or a URL; empty takes it away') }),
    handler: async ({ avatar, ...wish }, { caller }) => {
      if (avatar !== '') await mixers.pictures.readAvatar(avatar, caller.address);
      decorate(wish, { avatar: avatar === '' ? undefined : avatar, avatarCaller: caller.address });
    },
  });
  register({
    name: 'mixer.remove_stream_avatar',
    summary: 'Take the picture away that is shown while an input has none',
    input: z.object(ofStream),
    handler: (wish) => decorate(wish, { avatar: undefined }),
  });
}
