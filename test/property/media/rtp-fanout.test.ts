import test from 'ava';
import fc from 'fast-check';
import type { RtpViewerState } from '../../../core/media/rtp-fanout/viewer.ts';
import { FanoutStage, RTP_AUDIO, RTP_VIDEO, type RecordingSender } from '../../support/rtp-fanout.ts';

type Step =
  | { readonly type: 'packet'; readonly id: 'video' | 'video2' | 'audio'; readonly key: boolean; readonly ahead: number; readonly marker: boolean }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'return' | 'codec' | 'layer' | 'swap' | 'gone' | 'join' }
  | { readonly type: 'nack'; readonly back: number; readonly count: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ type: fc.constant('packet' as const), id: fc.constantFrom('video' as const, 'video2' as const, 'audio' as const), key: fc.boolean(), ahead: fc.integer({ min: -40, max: 60 }), marker: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.nat(700) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('return' as const, 'codec' as const, 'layer' as const, 'swap' as const, 'gone' as const, 'join' as const) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('nack' as const), back: fc.nat(80), count: fc.nat(20) }) },
);

/** A stream of two layers and sound, with one viewer that is watched and any number of others. */
class Play {
  readonly stage: FanoutStage;
  readonly senders: RecordingSender[] = [];
  #codec: 'vp8' | 'vp9' = 'vp8';
  #revision = 1;
  #layer = 'video';
  #ms = 0;
  readonly #fronts = new Map<string, number>();
  #viewer: ReturnType<FanoutStage['add']>;

  constructor(makesKeyFrames: boolean) {
    this.stage = new FanoutStage(this.#tracks(), { makesKeyFrames });
    this.#viewer = this.#add();
  }

  do(next: Step): void {
    switch (next.type) {
      case 'packet':
        return this.#packet(next);
      case 'wait':
        this.#ms += next.ms;
        this.stage.time.advance(next.ms);
        return this.stage.turn();
      case 'return':
        this.stage.publication.suspend('gone');
        this.#fronts.clear();
        this.stage.publish(this.#tracks());
        return;
      case 'codec':
        this.#codec = this.#codec === 'vp8' ? 'vp9' : 'vp8';
        this.#revision += 1;
        return this.stage.publication.setTracks(this.#tracks());
      case 'layer':
        this.#layer = this.#layer === 'video' ? 'video2' : 'video';
        return this.#viewer.viewer.remap();
      case 'swap':
        return this.#swap(false);
      case 'gone':
        return this.#swap(true);
      case 'join':
        return void this.stage.add({ accept: [{ kind: 'video', codecs: ['vp9', 'vp8'] }] });
      case 'nack':
        return this.#nack(next.back, next.count);
    }
  }

  #tracks(): readonly (typeof RTP_VIDEO)[] {
    const video = { ...RTP_VIDEO, codec: this.#codec, revision: this.#revision };
    return [video, { ...video, id: 'video2' }, RTP_AUDIO];
  }

  #add(resume?: RtpViewerState): ReturnType<FanoutStage['add']> {
    const added = this.stage.add({
      map: ({ id, kind, codec }) => {
        if (kind === 'audio') return { ssrc: 2, payloadType: 111 };
        return id === this.#layer ? { ssrc: 1, payloadType: codec === 'vp8' ? 96 : 98, rtx: { ssrc: 3, payloadType: 97 } } : undefined;
      },
      ...(resume === undefined ? {} : { resume }),
    });
    this.senders.push(added.sender);
    return added;
  }

  #packet({ id, key, ahead, marker }: Extract<Step, { type: 'packet' }>): void {
    const track = this.#tracks().find((candidate) => candidate.id === id)!;
    const front = this.#fronts.get(id) ?? 5000;
    const sequence = front + (ahead === 0 ? 1 : ahead);
    this.#fronts.set(id, Math.max(front, sequence));
    // Now and then a second packet under the same number, as no honest publisher sends it.
    this.stage.publication.writePacket(this.stage.packet(this.#ms + sequence, sequence, { key: key || id === 'audio', marker, track, index: this.#revision }));
  }

  #swap(isLate: boolean): void {
    const state = JSON.parse(JSON.stringify(this.#viewer.viewer.state())) as RtpViewerState;
    const old = this.#viewer.viewer;
    if (isLate) {
      old.close();
      this.stage.time.advance(5000);
    }
    this.#viewer = this.#add(state);
    old.close();
  }

  #nack(back: number, count: number): void {
    for (const { ssrc, nextSequence } of this.#viewer.viewer.state().lines) {
      this.#viewer.viewer.onNack(ssrc, Array.from({ length: count }, (_, index) => (nextSequence - back + index) & 0xffff));
    }
  }
}

test('whatever happens, no number of an SSRC is ever used for two packets, and each SSRC begins in the first half of its first turn', (t) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), fc.boolean(), (steps, makesKeyFrames) => {
      const play = new Play(makesKeyFrames);
      for (const next of steps) play.do(next);
      play.stage.time.advance(1000);
      play.stage.turn();
      const used = new Map<string, string>();
      const firsts = new Map<number, number>();
      for (const { ssrc, extended, bytes } of play.senders.flatMap(({ sent }) => sent)) {
        const key = `${ssrc}/${extended}`;
        const hex = Buffer.from(bytes).toString('hex');
        t.is(used.get(key) ?? hex, hex, `two packets under ${key}`);
        used.set(key, hex);
        if (!firsts.has(ssrc)) firsts.set(ssrc, extended);
        t.true(extended >= 0);
      }
      for (const first of firsts.values()) t.true(first < 0x8000);
      t.deepEqual(play.stage.faults, []);
    }),
    { numRuns: 300 },
  );
});
