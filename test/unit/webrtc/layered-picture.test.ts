import test from 'ava';
import type { MediaPacket } from '../../../core/media/frame.ts';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { LayeredPicture, RETURN_MS, SILENT_MS } from '../../../plugins/webrtc/bridge/layered-picture.ts';

const FRAME_MS = 50;
const layer = (rid: string, width: number): TrackDescriptor => ({ id: `video:${rid}`, layerOf: 'video', kind: 'video', codec: 'vp8', clockRateHz: 90_000, revision: 0, width, height: width / 2 });
const H = layer('h', 800);
const L = layer('l', 200);

/** A publisher of layers, one packet for each frame, and the picture that comes of them. */
class Layers {
  picture = new LayeredPicture();
  nowMs = 0;
  readonly out: MediaPacket[] = [];
  readonly #sequences = new Map<string, number>([[H.id, 70_000], [L.id, 300]]);

  frame(tracks: readonly TrackDescriptor[], keys: readonly TrackDescriptor[] = []): void {
    this.nowMs += FRAME_MS;
    for (const track of tracks) {
      const packet = this.packet(track, keys.includes(track));
      this.picture.note(packet);
      const own = this.picture.packet(packet);
      if (own !== undefined) this.out.push(own);
    }
    this.picture.noteSilence();
  }

  packet(track: TrackDescriptor, key: boolean, step = 1): MediaPacket {
    const sequence = (this.#sequences.get(track.id) ?? 0) + step;
    this.#sequences.set(track.id, sequence);
    return { track, rtp: new Uint8Array(12), sequence, ptsUs: this.nowMs * 1000, marker: true, key, receivedAtMs: this.nowMs };
  }

  pass(ms: number, tracks: readonly TrackDescriptor[]): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) this.frame(tracks);
  }

  get wanted(): string | undefined {
    return this.picture.wantedLayerId(this.nowMs);
  }
}

test('the picture is the largest layer, whatever their order; layers are told as such', (t) => {
  const layers = new Layers();
  layers.picture.note(layers.packet(L, true));
  layers.picture.note(layers.packet(H, true));
  t.deepEqual(layers.picture.tracks, []);
  layers.picture.begin(0);
  t.deepEqual(layers.picture.tracks, [{ id: 'video', kind: 'video', codec: 'vp8', clockRateHz: 90_000, revision: 0, width: 800, height: 400 }, L, H]);
});

test('when its layer goes silent the picture asks for a key frame of the next one and goes on with it, without a step', (t) => {
  const layers = new Layers();
  layers.frame([H, L], [H, L]);
  layers.pass(1000, [L, H]);
  layers.pass(SILENT_MS - FRAME_MS, [L]);
  t.false(layers.picture.awaitsKeyFrame(layers.nowMs));
  layers.frame([L]);
  t.true(layers.picture.awaitsKeyFrame(layers.nowMs));
  t.is(layers.wanted, L.id);
  t.deepEqual(layers.picture.tracks.map(({ id }) => id), ['video', 'video:l']);
  const before = layers.out.at(-1)!;
  layers.frame([L]);
  t.is(layers.out.at(-1), before, 'nothing but a key frame begins');
  layers.frame([L], [L]);
  layers.frame([L]);
  const [key, next] = layers.out.slice(-2);
  t.like(key, { sequence: before.sequence + 1, key: true, ptsUs: (layers.nowMs - FRAME_MS) * 1000 });
  t.like(key?.track, { id: 'video', width: 200, revision: 1 });
  t.like(next, { sequence: before.sequence + 2, ptsUs: layers.nowMs * 1000 });
});

test('a layer that is back is taken once it has come for a while, and the same picture in two sizes has two times', (t) => {
  const layers = new Layers();
  layers.frame([H, L], [H, L]);
  layers.pass(1000, [L]);
  layers.frame([L], [L]);
  t.is(layers.out.at(-1)?.track.width, 200);
  layers.pass(RETURN_MS, [L, H]);
  layers.frame([L, H], [H]);
  const [small, large] = layers.out.slice(-2);
  t.is(large?.track.width, 800);
  t.is(large?.sequence, small!.sequence + 1);
  t.true((large?.ptsUs ?? 0) > small!.ptsUs);
  layers.frame([L, H]);
  t.is(layers.out.at(-1)?.ptsUs, layers.nowMs * 1000);
});

test('a pause of all layers is none of one of them', (t) => {
  const layers = new Layers();
  layers.frame([H, L], [H, L]);
  layers.nowMs += 10 * SILENT_MS;
  layers.frame([L, H]);
  t.is(layers.wanted, H.id);
  t.is(layers.picture.tracks.length, 3);
});

test('a key frame whose beginning comes late is no place to change to', (t) => {
  const layers = new Layers();
  layers.frame([H, L], [H, L]);
  layers.pass(1000, [L]);
  const late = layers.packet(L, true);
  const newer = layers.packet(L, false);
  for (const packet of [newer, late]) layers.picture.note(packet);
  t.is(layers.picture.packet(newer), undefined);
  t.is(layers.picture.packet(late), undefined);
});

test('what comes late of a layer from before the change is left out', (t) => {
  const layers = new Layers();
  layers.frame([H, L], [H, L]);
  layers.pass(1000, [L]);
  const late = layers.packet(L, false);
  layers.frame([L], [L]);
  layers.picture.note(late);
  t.is(layers.picture.packet(late), undefined);
});

test('a picture goes on from its plain data', (t) => {
  const layers = new Layers();
  layers.frame([H, L], [H, L]);
  layers.picture = new LayeredPicture(structuredClone(layers.picture.exportState()));
  layers.frame([H, L]);
  t.deepEqual(layers.out.map(({ sequence }) => sequence), [0, 1]);
});
