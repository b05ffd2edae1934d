/** What the phones are told to do. */
export type PhonesCommand =
  /** Opens the SIP port where every call is answered at once; the answer is its number. */
  | { readonly type: 'listen' }
  /** From now on every phone says something every 20 ms, or nothing any more. */
  | { readonly type: 'talk'; readonly on: boolean }
  /** Counts for that long; the answer is a `PhonesReport`. */
  | { readonly type: 'measure'; readonly durationMs: number };

/** What the phones said and heard within the measured time. */
export interface PhonesReport {
  readonly seconds: number;
  readonly phones: number;
  readonly sent: number;
  readonly received: number;
  /** Packets of another phone that never came. */
  readonly lost: number;
  /** Least that one phone has heard. */
  readonly leastReceived: number;
}
