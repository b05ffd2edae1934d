import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { Metrics } from '../../../core/metrics/metrics.ts';

const group = 'connections_stats';
const help = 'Open connections.';

test('one definition feeds the statistics page and Prometheus', async (t) => {
  const metrics = new Metrics();
  metrics.gauge({ name: 'connections', group, help, read: () => 3 });
  metrics.gauge({ name: 'streams_in', group: 'streams_stats', help, read: () => [{ labels: { protocol: 'rtmp' }, value: 2 }, { labels: { protocol: 'sip"' }, value: 0 }] });
  metrics.gauge({ name: 'version', group, help, read: () => '1.0' });
  const accepted = metrics.counter({ name: 'accepted', group, help });
  accepted.inc();
  accepted.inc(4);
  t.deepEqual(metrics.groups(), [
    { group, values: [{ name: 'connections', value: 3 }, { name: 'version', value: '1.0' }, { name: 'accepted', value: 5 }] },
    { group: 'streams_stats', values: [{ name: 'streams_in[rtmp]', value: 2 }, { name: 'streams_in[sip"]', value: 0 }] },
  ]);
  const text = await metrics.prometheus();
  t.true(text.includes('# HELP wcs_connections Open connections.\n# TYPE wcs_connections gauge\nwcs_connections 3\n'));
  t.true(text.includes('wcs_streams_in{protocol="sip\\""} 0\n'));
  t.true(text.includes('# TYPE wcs_accepted counter\nwcs_accepted 5\n'));
  t.false(text.includes('wcs_version'));
});

test('a counter keeps its value over a re-registration, by label', async (t) => {
  const metrics = new Metrics();
  const options = { name: 'refused', group, help, labelNames: ['reason'] };
  metrics.counter(options).inc(2, { reason: 'limit' });
  metrics.counter(options).inc(1, { reason: 'limit' });
  metrics.counter(options).inc();
  t.deepEqual(metrics.groups()[0]?.values, [{ name: 'refused[limit]', value: 3 }, { name: 'refused[]', value: 1 }]);
  t.true((await metrics.prometheus()).includes('wcs_refused{reason="limit"} 3\n'));
  t.throws(() => metrics.counter(options).inc(-1), { instanceOf: WcsError });
});

test('a peer that invents label values cannot grow a counter without bound', (t) => {
  const metrics = new Metrics();
  const counter = metrics.counter({ name: 'c', group, help, labelNames: ['x'] });
  for (let i = 0; i < 3000; i++) counter.inc(1, { x: String(i) });
  const values = metrics.groups()[0]!.values;
  t.is(values.length, 1001);
  t.deepEqual(values.at(-1), { name: 'c[other]', value: 2000 });
});

test('a newer gauge covers the older, whichever is released first', (t) => {
  const metrics = new Metrics();
  const value = () => metrics.groups()[0]?.values[0]?.value;
  const releaseOld = metrics.gauge({ name: 'g', group, help, read: () => 1 });
  const releaseNew = metrics.gauge({ name: 'g', group, help, read: () => 2 });
  t.is(value(), 2);
  releaseOld();
  t.is(value(), 2);
  releaseNew();
  t.is(value(), undefined);
});

test('a gauge that throws is left out and reported, the others are shown', async (t) => {
  const faults: string[] = [];
  const metrics = new Metrics((name) => faults.push(name));
  metrics.gauge({ name: 'bad', group, help, read: () => { throw new Error('no'); } });
  metrics.gauge({ name: 'good', group, help, read: () => 1 });
  t.deepEqual(metrics.groups()[0]?.values, [{ name: 'good', value: 1 }]);
  t.true((await metrics.prometheus()).includes('wcs_good 1'));
  t.deepEqual(faults, ['bad', 'bad']);
});

test('a histogram counts by bucket and shows count and mean', async (t) => {
  const metrics = new Metrics();
  const options = { name: 'swap', group: 'core_stats', help, bucketsMs: [1, 10] };
  metrics.histogram(options).observe(0.5);
  metrics.histogram(options).observe(5.5);
  t.deepEqual(metrics.groups()[0]?.values, [{ name: 'swap_count', value: 2 }, { name: 'swap_mean_ms', value: 3 }]);
  const text = await metrics.prometheus();
  t.true(text.includes('wcs_swap_bucket{le="1"} 1\n'));
  t.true(text.includes('wcs_swap_bucket{le="10"} 2\n'));
});

test('a name that one of the front ends could not show, or of another kind, is refused', (t) => {
  const metrics = new Metrics();
  metrics.counter({ name: 'a', group, help });
  t.throws(() => metrics.gauge({ name: 'a', group, help, read: () => 1 }), { instanceOf: WcsError });
  t.throws(() => metrics.gauge({ name: 'a=b', group, help, read: () => 1 }), { instanceOf: WcsError });
});
