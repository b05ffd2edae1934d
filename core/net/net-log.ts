/** What the network rooms need of a log; `Log` of core/log fits. */
export interface NetLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}
