import test from 'ava';
import type { Owner } from '../../../core/net/owner.ts';
import { ScopedRtpFanout } from '../../../core/plugin/scoped-rtp-fanout.ts';
import { Scope } from '../../../core/scope/scope.ts';
import { FanoutStage, RecordingSender, RTP_VIDEO } from '../../support/rtp-fanout.ts';

function make() {
  const stage = new FanoutStage([RTP_VIDEO]);
  const scope = new Scope('session');
  const faults: unknown[] = [];
  let depth = 0;
  const owner: Owner = {
    run: (work) => {
      depth += 1;
      try {
        return work();
      } finally {
        depth -= 1;
      }
    },
    onFault: (error) => void faults.push(error),
  };
  const fanout = new ScopedRtpFanout(stage.fanouts, stage.publication.stream, scope, owner);
  return { stage, scope, faults, fanout, isOwners: () => depth === 1 };
}

test('the callbacks of a viewer run as its owner’s code', (t) => {
  const { stage, fanout, isOwners } = make();
  const ran: string[] = [];
  const note = (name: string): void => void ran.push(`${name} ${isOwners()}`);
  fanout.add({
    sender: new RecordingSender(),
    label: 'viewer',
    accept: [{ kind: 'video', codecs: ['vp8'] }],
    map: () => {
      note('map');
      return { ssrc: 1, payloadType: 96 };
    },
    onTracks: () => note('onTracks'),
    onSuspend: () => note('onSuspend'),
    onResume: () => note('onResume'),
    onEnd: () => note('onEnd'),
  });
  stage.publication.suspend('gone');
  stage.publish([RTP_VIDEO]).end('over');
  t.deepEqual(ran, ['map true', 'onTracks true', 'onSuspend true', 'onResume true', 'onEnd true']);
});

test('a viewer goes with its scope, silently, and the scope forgets one that ended before', (t) => {
  const { stage, scope, fanout } = make();
  const ended: string[] = [];
  const wish = { label: 'viewer', map: () => ({ ssrc: 1, payloadType: 96 }), onEnd: (reason: string) => void ended.push(reason) };
  const sender = new RecordingSender();
  fanout.add({ ...wish, sender: new RecordingSender() }).close();
  t.is(scope.size, 0);
  fanout.add({ ...wish, sender });
  t.is(scope.size, 1);
  void scope.close();
  stage.frame(0, { key: true });
  t.deepEqual([sender.sent, ended], [[], []]);
  t.is(stage.fanouts.of(stage.publication.stream).viewerCount, 0);
});

test('a viewer that throws while it is added is its owner’s fault and leaves nothing in the scope', (t) => {
  const { stage, scope, faults, fanout } = make();
  const ended: string[] = [];
  fanout.add({
    sender: new RecordingSender(),
    label: 'viewer',
    map: () => {
      throw new Error('no mapping');
    },
    onEnd: (reason) => void ended.push(reason),
  });
  t.deepEqual(faults.map(String), ['Error: no mapping']);
  t.deepEqual(ended, ['Internal error of the reader']);
  t.deepEqual([scope.size, stage.fanouts.of(stage.publication.stream).viewerCount], [0, 0]);
});

test('the end of the stream leaves nothing in the scope', (t) => {
  const { stage, scope, fanout } = make();
  fanout.add({ sender: new RecordingSender(), label: 'viewer', map: () => undefined, onEnd: () => undefined });
  stage.publication.end('over');
  t.is(scope.size, 0);
  t.throws(() => fanout.add({ sender: new RecordingSender(), label: 'viewer', map: () => undefined, onEnd: () => undefined }), { code: 'MEDIA_E_NOT_FOUND' });
});
