/** What a benchmark prints; `ratio` is against the baseline of the same run. */
export interface BenchResult {
  readonly title: string;
  readonly rows: readonly BenchRow[];
}

/** One figure. */
export interface BenchRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
}

/** A benchmark, as the default export of `test/bench/<name>.bench.ts`. */
export interface Bench {
  readonly name: string;
  run(): Promise<BenchResult>;
}
