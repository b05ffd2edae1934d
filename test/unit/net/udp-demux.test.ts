import test from 'ava';
import { UdpDemux } from '../../../core/net/udp-demux.ts';

test('a pinned flow goes to its owner until that owner unpins it', (t) => {
  const demux = new UdpDemux<string>();
  t.is(demux.route('192.0.2.1 5000', 0), undefined);
  t.true(demux.pin('192.0.2.1 5000', 'old', 0));
  t.is(demux.route('192.0.2.1 5000', 1), 'old');
  t.is(demux.route('192.0.2.1 5001', 1), undefined);
  demux.unpin('192.0.2.1 5000', 'new');
  t.is(demux.route('192.0.2.1 5000', 1), 'old');
  demux.unpin('192.0.2.1 5000', 'old');
  t.is(demux.route('192.0.2.1 5000', 1), undefined);
});

test('only idle flows expire', (t) => {
  const demux = new UdpDemux<string>({ idleMs: 100 });
  demux.pin('192.0.2.1 1', 'a', 0);
  demux.pin('192.0.2.1 2', 'a', 0);
  demux.route('192.0.2.1 2', 60);
  demux.expire(100);
  t.is(demux.route('192.0.2.1 1', 100), undefined);
  t.is(demux.route('192.0.2.1 2', 100), 'a');
});

test('a full table refuses new flows but moves known ones', (t) => {
  const demux = new UdpDemux<string>({ maxFlows: 2 });
  t.true(demux.pin('192.0.2.1 1', 'a', 0));
  t.true(demux.pin('192.0.2.1 2', 'a', 0));
  t.false(demux.pin('192.0.2.1 3', 'a', 0));
  t.true(demux.pin('192.0.2.1 2', 'b', 0));
  demux.releaseOwner('a');
  t.is(demux.size, 1);
  t.is(demux.route('192.0.2.1 2', 0), 'b');
});
