import { WcsError } from '../errors/wcs-error.ts';
import type { Counter, CounterOptions, Labels, Sample } from './metric.ts';

/** Sets of labels kept apart in one counter; further ones are counted together under `other`. */
const MAX_LABEL_SETS = 1000;

/** The value behind every handle of one counter; it outlives the generation that asked for it. */
export class CounterValue implements Counter {
  readonly options: CounterOptions;
  readonly labelNames: readonly string[];
  #plain = 0;
  readonly #labelled = new Map<string, { readonly labels: Labels; value: number }>();

  constructor({ name, group, help, labelNames = [] }: CounterOptions) {
    this.options = { name, group, help, labelNames };
    this.labelNames = labelNames;
  }

  /** @throws WcsError INTERNAL_E_FAULT for a negative or non-finite step */
  inc(by = 1, labels?: Labels): void {
    if (!(by >= 0 && by < Infinity)) throw new WcsError('INTERNAL_E_FAULT', `Counter ${this.options.name} can't grow by ${by}.`);
    if (this.labelNames.length === 0) {
      this.#plain += by;
      return;
    }
    const values = this.labelNames.map((name) => labels?.[name] ?? '');
    const entry = this.#entry(values);
    entry.value += by;
  }

  samples(): Sample[] {
    return this.labelNames.length === 0 ? [{ labels: {}, value: this.#plain }] : [...this.#labelled.values()];
  }

  #entry(values: readonly string[]): { value: number } {
    const full = this.#labelled.size >= MAX_LABEL_SETS && !this.#labelled.has(values.join('\u0000'));
    const kept = full ? values.map(() => 'other') : values;
    const key = kept.join('\u0000');
    const known = this.#labelled.get(key);
    if (known !== undefined) return known;
    const labels = Object.fromEntries(this.labelNames.map((name, index) => [name, kept[index] ?? '']));
    const entry = { labels, value: 0 };
    this.#labelled.set(key, entry);
    return entry;
  }
}
