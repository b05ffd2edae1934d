/** Label names to label values, e.g. `{ protocol: 'rtmp' }`. */
export type Labels = Readonly<Record<string, string>>;

/** What a gauge may read: one value, or one for each set of labels. */
export type GaugeReading = number | string | Iterable<{ readonly labels: Labels; readonly value: number | string }>;

/** What every metric has. */
export interface MetricOptions {
  /** Letters, digits and `_`; shown as it is on the statistics page and as `wcs_<name>` to Prometheus. */
  readonly name: string;
  /** The block of the statistics page, e.g. `connections_stats`. */
  readonly group: string;
  readonly help: string;
}

/** A value that is read when someone looks. Texts are shown everywhere but to Prometheus. */
export interface GaugeOptions extends MetricOptions {
  read(): GaugeReading;
}

/** A number that only grows. */
export interface CounterOptions extends MetricOptions {
  readonly labelNames?: readonly string[];
}

/** Durations by bucket. */
export interface HistogramOptions extends MetricOptions {
  /** Upper bounds in milliseconds, ascending. */
  readonly bucketsMs: readonly number[];
}

/** Grows a counter; `by` is 1 when not given. */
export interface Counter {
  inc(by?: number, labels?: Labels): void;
}

/** Takes durations. */
export interface Histogram {
  observe(durationMs: number): void;
}

/** One line of the statistics page. */
export interface MetricValue {
  /** With label values behind it where there are labels: `name[rtmp,in]`. */
  readonly name: string;
  readonly value: number | string;
}

/** One reading with its labels apart. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number | string;
}

/** `name`, or `name[a,b]` with the label values in it. */
export function labelledName(name: string, labels: Labels): string {
  const values = Object.values(labels);
  return values.length === 0 ? name : `${name}[${values.join(',')}]`;
}
