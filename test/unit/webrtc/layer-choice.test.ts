import test from 'ava';
import { LayerChoice, RISE_MAX_MS, RISE_MS, SHORT_MS, TRIAL_MS, type OfferedLayer } from '../../../plugins/webrtc/session/layer-choice.ts';

const H = { id: 'video:h', width: 1280, height: 720, bitrateBps: 1_500_000 };
const M = { id: 'video:m', width: 640, height: 360, bitrateBps: 500_000 };
const L = { id: 'video:l', width: 320, height: 180, bitrateBps: 150_000 };
const MAIN = { ...H, id: 'video' };
const ALL: readonly OfferedLayer[] = [MAIN, H, M, L];

/** A viewer that is asked once a second, and what it chooses. */
class Seconds {
  readonly choice: LayerChoice;
  nowMs = 0;
  id: string | undefined;

  constructor(choice = new LayerChoice({})) {
    this.choice = choice;
    this.id = choice.choose(ALL, undefined);
  }

  /** Lets time pass; `each` tells what the viewer reports in each second. */
  pass(ms: number, each: () => void = () => undefined): string | undefined {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += 1000;
      each();
      this.choice.tick(ALL, this.id, this.nowMs);
      this.id = this.choice.choose(ALL, this.id);
    }
    return this.id;
  }
}

test('a viewer without a wish gets the picture itself, the others the largest layer that is not larger than they want', (t) => {
  t.is(new LayerChoice({}).choose(ALL, undefined), 'video');
  t.is(new LayerChoice({ maxWidth: 640 }).choose(ALL, undefined), 'video:m');
  t.is(new LayerChoice({ maxHeight: 400 }).choose(ALL, undefined), 'video:m');
  t.is(new LayerChoice({ maxBitrateBps: 200_000 }).choose(ALL, undefined), 'video:l');
  t.is(new LayerChoice({ maxWidth: 10 }).choose(ALL, undefined), 'video:l', 'something is better than nothing');
});

test('a layer of the size that is sent already is not changed for another one of that size', (t) => {
  const choice = new LayerChoice({ maxWidth: 640 });
  const fallen = [{ ...M, id: 'video' }, M, L];
  t.is(choice.choose(fallen, 'video:m'), 'video:m');
  t.is(choice.choose(fallen, 'video'), 'video');
  t.is(choice.choose(fallen, undefined), 'video');
});

test('what has gone is replaced by the next smaller one, and taken again when it is back', (t) => {
  const choice = new LayerChoice({ maxWidth: 640 });
  t.is(choice.choose([MAIN, H, L], 'video:m'), 'video:l');
  t.is(choice.choose(ALL, 'video:l'), 'video:m');
});

test('layers whose size is unknown are left alone', (t) => {
  t.is(new LayerChoice({ maxWidth: 640 }).choose([{ id: 'video' }, { id: 'video:h' }, { id: 'video:l' }], undefined), 'video');
  t.is(new LayerChoice({}).choose([], undefined), undefined);
});

test('a bitrate a little above the wish does not throw a viewer back and forth', (t) => {
  const choice = new LayerChoice({ maxBitrateBps: 500_000 });
  const at = (bitrateBps: number): OfferedLayer[] => [MAIN, H, { ...M, bitrateBps }, L];
  t.is(choice.choose(at(480_000), undefined), 'video:m');
  t.is(choice.choose(at(560_000), 'video:m'), 'video:m');
  t.is(choice.choose(at(700_000), 'video:m'), 'video:l');
});

test('lasting loss brings a smaller layer, a burst of it does not', (t) => {
  const viewer = new Seconds();
  viewer.choice.noteLoss(0.5, viewer.nowMs);
  t.is(viewer.pass(SHORT_MS / 2), 'video');
  viewer.choice.noteLoss(0.02, viewer.nowMs);
  t.is(viewer.pass(2 * SHORT_MS), 'video');
  t.is(viewer.pass(SHORT_MS + 1000, () => viewer.choice.noteLoss(0.3, viewer.nowMs)), 'video:m');
});

test('an estimate below the bitrate counts when it does not rise', (t) => {
  const viewer = new Seconds();
  let bps = 300_000;
  t.is(viewer.pass(5000, () => viewer.choice.noteEstimate((bps *= 1.08), viewer.nowMs)), 'video', 'a receiver that finds out what it can take');
  t.is(viewer.pass(SHORT_MS + 1000, () => viewer.choice.noteEstimate(bps, viewer.nowMs)), 'video:m');
  t.is(viewer.pass(SHORT_MS + 2000, () => viewer.choice.noteEstimate(100_000, viewer.nowMs)), 'video:l');
});

test('a viewer that is well again tries the next larger layer, ever later when that fails', (t) => {
  const viewer = new Seconds();
  const lossy = (): void => viewer.choice.noteLoss(0.3, viewer.nowMs);
  const well = (): void => viewer.choice.noteLoss(0, viewer.nowMs);
  t.is(viewer.pass(SHORT_MS + 1000, lossy), 'video:m');
  t.is(viewer.pass(RISE_MS, well), 'video:m');
  t.is(viewer.pass(1000, well), 'video');
  t.is(viewer.pass(SHORT_MS + 1000, lossy), 'video:m', 'it was too much');
  t.is(viewer.pass(RISE_MS + 2000, well), 'video:m');
  t.is(viewer.pass(RISE_MS, well), 'video');
  t.is(viewer.pass(RISE_MAX_MS + TRIAL_MS, well), 'video');
  viewer.pass(SHORT_MS + 1000, lossy);
  t.is(viewer.pass(RISE_MS + 1000, well), 'video', 'that it failed once is long ago');
});

test('a choice goes on from its plain data', (t) => {
  const viewer = new Seconds();
  viewer.pass(SHORT_MS + 1000, () => viewer.choice.noteLoss(0.3, viewer.nowMs));
  const next = new LayerChoice({}, structuredClone(viewer.choice.exportState()));
  t.is(next.choose(ALL, 'video:m'), 'video:m');
});
