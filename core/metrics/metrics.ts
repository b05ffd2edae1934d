import * as prom from 'prom-client';
import { WcsError } from '../errors/wcs-error.ts';
import { CounterValue } from './counter-value.ts';
import { labelledName, type Counter, type CounterOptions, type GaugeOptions, type Histogram, type HistogramOptions, type MetricOptions, type MetricValue, type Sample } from './metric.ts';

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const PREFIX = 'wcs_';

/** A histogram with the totals that the statistics page shows. */
interface HistogramValue extends Histogram {
  readonly options: HistogramOptions;
  readonly prom: prom.Histogram;
  count: number;
  sumMs: number;
}

/** Every metric of kernel and plugins; one definition feeds the statistics page, Prometheus and JMX. */
export class Metrics {
  /** Registrations of one gauge, newest last: a generation that is swapped in covers the one that drains. */
  readonly #gauges = new Map<string, GaugeOptions[]>();
  readonly #counters = new Map<string, CounterValue>();
  readonly #histograms = new Map<string, HistogramValue>();
  readonly #onFault: (name: string, error: unknown) => void;

  /** @param onFault told of a gauge whose `read` threw; the gauge is left out of that answer */
  constructor(onFault: (name: string, error: unknown) => void = () => undefined) {
    this.#onFault = onFault;
  }

  /** Shows a value until the returned release is called; a later registration of the name covers this one. */
  gauge(options: GaugeOptions): () => void {
    this.#checkName(options, 'gauge');
    const { name } = options;
    const entry: GaugeOptions = { name, group: options.group, help: options.help, read: () => options.read() };
    this.#gauges.set(name, [...(this.#gauges.get(name) ?? []), entry]);
    return () => {
      const rest = (this.#gauges.get(name) ?? []).filter((other) => other !== entry);
      if (rest.length === 0) this.#gauges.delete(name);
      else this.#gauges.set(name, rest);
    };
  }

  /** The counter of that name, made at the first call; its value lasts as long as the process. Other label names start it anew. */
  counter(options: CounterOptions): Counter {
    this.#checkName(options, 'counter');
    const known = this.#counters.get(options.name);
    if (known?.labelNames.join() === (options.labelNames ?? []).join()) return known;
    const made = new CounterValue(options);
    this.#counters.set(options.name, made);
    return made;
  }

  /** The histogram of that name, made at the first call; other buckets start it anew. */
  histogram(options: HistogramOptions): Histogram {
    this.#checkName(options, 'histogram');
    const known = this.#histograms.get(options.name);
    if (known?.options.bucketsMs.join() === options.bucketsMs.join()) return known;
    const made = histogramValue(options);
    this.#histograms.set(options.name, made);
    return made;
  }

  /** All values by group, in the order of registration. */
  groups(): { group: string; values: MetricValue[] }[] {
    const groups = new Map<string, MetricValue[]>();
    const add = ({ group }: MetricOptions, values: readonly MetricValue[]): void => {
      groups.set(group, [...(groups.get(group) ?? []), ...values]);
    };
    const rows = (name: string, samples: readonly Sample[]): MetricValue[] =>
      samples.map(({ labels, value }) => ({ name: labelledName(name, labels), value }));
    for (const gauge of this.#newestGauges()) add(gauge, rows(gauge.name, this.#read(gauge)));
    for (const { options, ...counter } of this.#counterRows()) add(options, rows(options.name, counter.samples));
    for (const { options, count, sumMs } of this.#histograms.values()) {
      const meanMs = count === 0 ? 0 : Math.round((sumMs / count) * 1000) / 1000;
      add(options, [{ name: `${options.name}_count`, value: count }, { name: `${options.name}_mean_ms`, value: meanMs }]);
    }
    return [...groups].map(([group, values]) => ({ group, values }));
  }

  /** The text exposition format of Prometheus, version 0.0.4; every name begins with `wcs_`. */
  async prometheus(): Promise<string> {
    const registry = new prom.Registry();
    for (const gauge of this.#newestGauges()) {
      const samples = this.#read(gauge).flatMap(({ labels, value }) => (typeof value === 'number' ? [{ labels, value }] : []));
      if (samples.length === 0) continue;
      const labelNames = [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))];
      const shown = new prom.Gauge({ name: PREFIX + gauge.name, help: gauge.help, labelNames, registers: [registry] });
      for (const { labels, value } of samples) shown.set(labels, value);
    }
    for (const { options, samples } of this.#counterRows()) {
      const shown = new prom.Counter({ name: PREFIX + options.name, help: options.help, labelNames: [...(options.labelNames ?? [])], registers: [registry] });
      for (const { labels, value } of samples) shown.inc(labels, Number(value));
    }
    for (const histogram of this.#histograms.values()) registry.registerMetric(histogram.prom);
    return registry.metrics();
  }

  #newestGauges(): GaugeOptions[] {
    return [...this.#gauges.values()].flatMap((entries) => entries.slice(-1));
  }

  #counterRows(): { options: CounterOptions; samples: Sample[] }[] {
    return [...this.#counters.values()].map((counter) => ({ options: counter.options, samples: counter.samples() }));
  }

  #read(gauge: GaugeOptions): Sample[] {
    try {
      const reading = gauge.read();
      return typeof reading === 'object' ? [...reading] : [{ labels: {}, value: reading }];
    } catch (error) {
      this.#onFault(gauge.name, error);
      return [];
    }
  }

  #checkName({ name }: MetricOptions, kind: 'gauge' | 'counter' | 'histogram'): void {
    if (!NAME.test(name)) throw new WcsError('PLUGIN_E_MANIFEST', `Metric name ${JSON.stringify(name)} may have letters, digits and _ only.`);
    const kinds = { gauge: this.#gauges.has(name), counter: this.#counters.has(name), histogram: this.#histograms.has(name) };
    const taken = (Object.keys(kinds) as (keyof typeof kinds)[]).find((other) => other !== kind && kinds[other]);
    if (taken !== undefined) throw new WcsError('PLUGIN_E_MANIFEST', `Metric ${name} is registered as a ${taken} already.`);
  }
}

function histogramValue({ name, group, help, bucketsMs }: HistogramOptions): HistogramValue {
  const options: HistogramOptions = { name, group, help, bucketsMs };
  const shown = new prom.Histogram({ name: PREFIX + options.name, help: options.help, buckets: [...options.bucketsMs], registers: [] });
  const value: HistogramValue = {
    options,
    prom: shown,
    count: 0,
    sumMs: 0,
    observe(durationMs) {
      value.count++;
      value.sumMs += durationMs;
      shown.observe(durationMs);
    },
  };
  return value;
}
