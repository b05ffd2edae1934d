import { COLOURS, colourClip, colourDistance, lookAt, type ClipCodec } from '../../support/colour-clips.ts';
import { peerTest } from '../../support/peers.ts';
import { publishClip, snapshotKernel, takePicture, writeSecond } from '../../support/snapshots.ts';

/** What a lossy codec may change of a plain colour. */
const TOLERANCE = 12;
const CODECS: readonly ClipCodec[] = ['h264', 'hevc', 'vp8', 'vp9', 'av1'];

for (const backend of ['node-av', 'ffmpeg'] as const) {
  peerTest(`${backend} gives the colour of each second of clips in all codecs`, ['ffmpeg'], async (t) => {
    t.timeout(120_000);
    const kernel = await snapshotKernel(t, { backend });
    await Promise.all(CODECS.map(async (codec) => {
      const clip = await colourClip(codec);
      const publication = publishClip(kernel, codec, clip);
      for (const [second, colour] of COLOURS.entries()) {
        writeSecond(publication, clip, second);
        const picture = lookAt(await takePicture(kernel, codec));
        t.like(picture, { width: 320, height: 240 });
        t.true(colourDistance(picture.colour, colour) <= TOLERANCE, `${codec}, second ${second}: ${picture.colour.join()} for ${colour.join()}`);
      }
    }));
  });
}

for (const backend of ['node-av', 'ffmpeg'] as const) {
  peerTest(`a key frame that is broken ends in an error, and the next good one in a picture (${backend})`, ['ffmpeg'], async (t) => {
    t.timeout(120_000);
    const kernel = await snapshotKernel(t, { backend });
    let refused = 0;
    await Promise.all((['h264', 'hevc', 'vp8'] as const).map(async (codec) => {
      const clip = await colourClip(codec);
      const [good] = clip.frames;
      for (let seed = 1; seed <= 4; seed++) {
        const publication = publishClip(kernel, `${codec}${seed}`, clip);
        publication.write({ ...good!, data: mutated(good!.data, seed), receivedAtMs: performance.now() });
        // Some damage is none to a decoder; what counts is that there is an answer.
        const answer = await takePicture(kernel, `${codec}${seed}`).catch((error: unknown) => error);
        if (answer instanceof Error) refused++;
        else t.true((answer as Uint8Array).length > 0);
        publication.write({ ...good!, ptsUs: 1_000_000, dtsUs: 1_000_000, receivedAtMs: performance.now() });
        t.true(colourDistance(lookAt(await takePicture(kernel, `${codec}${seed}`)).colour, COLOURS[0]) <= TOLERANCE, `${codec} after seed ${seed}`);
        publication.end('over');
      }
    }));
    t.true(refused > 0, 'some of it was refused');
    t.is(kernel.kernel.host.slot('snapshots').faultsSeen, 0);
  });
}

/** A copy with some bytes changed, more the greater the seed; the last ones are cut as well. */
function mutated(data: Uint8Array, seed: number): Uint8Array {
  const copy = Uint8Array.from(data.subarray(0, seed % 2 === 0 ? Math.ceil(data.length / 2) : data.length));
  let state = seed;
  for (let count = 0; count < seed * 8; count++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    copy[state % copy.length] = state >>> 24;
  }
  return copy;
}
