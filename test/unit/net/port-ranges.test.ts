import test from 'ava';
import { DEFAULT_PORT_RANGES, PortRanges, type RangeName } from '../../../core/net/port-ranges.ts';

function ranges(media: { from: number; to: number }, clock = (): number => 0): PortRanges {
  return new PortRanges({ ...DEFAULT_PORT_RANGES, media }, { quarantineMs: 1000, clock });
}

test('a pair is an even port and the one above', (t) => {
  const pool = ranges({ from: 31_001, to: 31_006 });
  t.deepEqual([pool.pair('media'), pool.pair('media')].map(({ rtpPort, rtcpPort }) => [rtpPort, rtcpPort]), [[31_002, 31_003], [31_004, 31_005]]);
  t.throws(() => pool.pair('media'), { code: 'NET_E_PORT_EXHAUSTED' });
});

test('single ports spare the pairs while they can', (t) => {
  const pool = ranges({ from: 31_001, to: 31_006 });
  t.deepEqual([pool.single('media').port, pool.single('media').port].sort(), [31_001, 31_006]);
  t.is(pool.pair('media').rtpPort % 2, 0);
});

test('an exhausted range names itself, its use and the setting to widen', (t) => {
  let nowMs = 0;
  const pool = ranges({ from: 31_000, to: 31_001 }, () => nowMs);
  const first = pool.single('media');
  pool.single('media');
  first.release();
  const error = t.throws(() => pool.single('media'), { code: 'NET_E_PORT_EXHAUSTED' });
  t.regex(error.message, /media range 31000-31001 \(2 ports: 1 in use, 1 quarantined, 0 free\); widen ports\.media/);
  nowMs = 999;
  t.throws(() => pool.single('media'), { code: 'NET_E_PORT_EXHAUSTED' });
  nowMs = 1000;
  t.is(pool.single('media').port, first.port);
});

test('a second release neither frees the port again nor harms its next user', (t) => {
  let nowMs = 0;
  const pool = ranges({ from: 31_000, to: 31_000 }, () => nowMs);
  const first = pool.single('media');
  first.release();
  nowMs = 5000;
  const second = pool.single('media');
  first.release();
  t.is(second.port, first.port);
  t.deepEqual(pool.counts('media'), { free: 0, busy: 1, quarantined: 0 });
});

test('ports are reused as late as possible', (t) => {
  const pool = new PortRanges(DEFAULT_PORT_RANGES, { quarantineMs: 0 });
  const first = pool.pair('media');
  first.release();
  t.not(pool.pair('media').rtpPort, first.rtpPort);
});

test('the default ranges are the ones of a WCS server', (t) => {
  const pool = new PortRanges();
  const sizes = (['calls', 'media', 'cameras', 'relays', 'agents'] satisfies RangeName[]).map((name) => pool.counts(name).free);
  t.deepEqual(sizes, [1000, 1000, 1000, 1000, 1000]);
});

test('ranges that overlap or are no ranges are refused by name', (t) => {
  const overlap = t.throws(() => ranges({ from: 30_500, to: 31_500 }), { code: 'CONFIG_E_INVALID' });
  t.regex(overlap.message, /ports\.media \(30500-31500\) overlaps ports\.calls/);
  for (const bad of [{ from: 5, to: 4 }, { from: 0, to: 9 }, { from: 65_000, to: 70_000 }, { from: 1.5, to: 9 }]) {
    t.throws(() => ranges(bad), { code: 'CONFIG_E_INVALID', message: /ports\.media/ });
  }
});

test('ports that our own listeners have are given to nobody, alone or in a pair, as long as they have them', (t) => {
  const bound = new Set([31_000, 31_003]);
  const pool = new PortRanges({ ...DEFAULT_PORT_RANGES, media: { from: 31_000, to: 31_005 } }, { boundPorts: () => bound });
  t.deepEqual(pool.pair('media').rtpPort, 31_004);
  t.throws(() => pool.pair('media'), { code: 'NET_E_PORT_EXHAUSTED' });
  t.deepEqual([pool.single('media').port, pool.single('media').port].sort(), [31_001, 31_002]);
  bound.clear();
  t.is(pool.single('media').port, 31_003);
});
