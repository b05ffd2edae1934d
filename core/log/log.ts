/** Levels from the most talkative to the quietest; `silent` writes nothing. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** A level that a log may be set to. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A level that a line may be written at. */
export type LineLevel = Exclude<LogLevel, 'silent'>;

/** Structured facts of a line or of a child log; secrets among them are masked by key name and inside URLs. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where kernel, plugins and sessions write: a sentence plus fields.
 * A child carries its fields into every line; the field `component` (or else `plugin`) names what `setLevel` may address.
 */
export interface Log {
  readonly level: LogLevel;
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
  /** Guard for lines that are costly to put together. */
  isEnabled(level: LineLevel): boolean;
}

/** The root of all logs: levels are set here, and the last lines can be read back. */
export interface RootLog extends Log {
  /** Sets the level of everything, or of one component; takes effect on the next line. */
  setLevel(level: LogLevel, component?: string): void;
  /** The root level under the empty name, then the components that have one of their own. */
  levels(): Readonly<Record<string, LogLevel>>;
  /** Hands each coming line (JSON, no line end, already masked) to `listener` until the returned function is called. */
  tail(listener: (line: string) => void): () => void;
  /** The last `count` lines, oldest first, in the form of `tail`. */
  recent(count: number): string[];
}
