import test from 'ava';
import { KeyFrameRequests } from '../../../core/media/key-frame-requests.ts';
import { FakeTime } from '../../support/fake-time.ts';

function make(): { requests: KeyFrameRequests; time: FakeTime; sent: string[] } {
  const [time, sent]: [FakeTime, string[]] = [new FakeTime(), []];
  return { requests: new KeyFrameRequests({ clock: time, timers: time, intervalMs: 300, send: (trackId) => void sent.push(trackId) }), time, sent };
}

test('requests within the interval become one at its end, unless a key frame came', (t) => {
  const { requests, time, sent } = make();
  for (let viewer = 0; viewer < 5; viewer++) requests.request('video');
  t.is(sent.length, 1);
  time.advance(300);
  t.is(sent.length, 2);
  requests.request('video');
  requests.arrived('video');
  time.advance(1000);
  t.is(sent.length, 2);
});

test('a publisher is taken for one that makes key frames on request until it lets one wait', (t) => {
  const { requests, time } = make();
  t.true(requests.areAnswered);
  requests.request('video');
  time.advance(100);
  requests.arrived('video');
  t.true(requests.areAnswered);

  time.advance(1000);
  requests.request('video');
  time.advance(600);
  t.true(requests.areAnswered);
  time.advance(200);
  t.false(requests.areAnswered);
  requests.arrived('video');
  t.false(requests.areAnswered, 'the key frame was its own idea');
});

test('key frames that nobody asked for say nothing, and three prompt answers restore trust', (t) => {
  const { requests, time } = make();
  requests.request('video');
  time.advance(1000);
  requests.arrived('video');
  for (let round = 0; round < 5; round++) {
    time.advance(2000);
    requests.arrived('video');
  }
  t.false(requests.areAnswered);
  for (let round = 0; round < 3; round++) {
    t.false(requests.areAnswered);
    requests.request('video');
    time.advance(50);
    requests.arrived('video');
    time.advance(1000);
  }
  t.true(requests.areAnswered);
});

test('another publisher begins anew', (t) => {
  const { requests, time } = make();
  requests.request('video');
  time.advance(1000);
  t.false(requests.areAnswered);
  requests.reset();
  t.true(requests.areAnswered);
});
