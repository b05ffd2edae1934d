/** What is counted of one viewer; plain data. */
export interface ViewerMetricsState {
  requests: number;
  /** Answers by status. */
  statuses: Record<string, number>;
  bytesOut: number;
  /** Sum, least and greatest time from request to answer, held time included. */
  totalMs: number;
  minMs: number;
  maxMs: number;
}

/** Counters of one viewer, as `hls.subscribers` shows them. */
export class ViewerMetrics {
  readonly #s: ViewerMetricsState;

  constructor(state: ViewerMetricsState = { requests: 0, statuses: {}, bytesOut: 0, totalMs: 0, minMs: 0, maxMs: 0 }) {
    this.#s = { ...state, statuses: { ...state.statuses } };
  }

  get bytesOut(): number {
    return this.#s.bytesOut;
  }

  get requests(): number {
    return this.#s.requests;
  }

  answered(status: number, bytes: number, tookMs: number): void {
    const s = this.#s;
    s.minMs = s.requests === 0 ? tookMs : Math.min(s.minMs, tookMs);
    s.maxMs = Math.max(s.maxMs, tookMs);
    s.totalMs += tookMs;
    s.requests++;
    s.bytesOut += bytes;
    s.statuses[status] = (s.statuses[status] ?? 0) + 1;
  }

  exportState(): ViewerMetricsState {
    return { ...this.#s, statuses: { ...this.#s.statuses } };
  }

  /** As the REST API names them; times in milliseconds. */
  report(): Readonly<Record<string, unknown>> {
    const { requests, statuses, totalMs, minMs, maxMs } = this.#s;
    return {
      requestsNumber: requests,
      requestStatuses: { ...statuses },
      maxResponseTime: Math.round(maxMs),
      minResponseTime: Math.round(minMs),
      avgResponseTime: requests === 0 ? 0 : Math.round(totalMs / requests),
    };
  }
}
