import { pino, type Logger } from 'pino';
import { LOG_LEVELS, type LineLevel, type Log, type LogFields, type LogLevel, type RootLog } from './log.ts';
import { maskText, maskValue } from './mask.ts';
import { prettyLine } from './pretty-line.ts';

/** Lines kept in memory for `recent`. */
const RECENT_LINES = 1000;
/** Names that pino gives to its own columns; a field of that name gets a `_` behind. */
const RESERVED = new Set(['level', 'time', 'msg']);

/** Options of `createRootLog`. */
export interface RootLogOptions {
  readonly level: LogLevel;
  /** Takes one finished line without its line end; standard output by default. */
  readonly write?: (line: string) => void;
  /** One short human line instead of JSON; for terminals. */
  readonly pretty: boolean;
  /** Colours the human line. */
  readonly colour?: boolean;
}

/** Makes the log that all others descend from; it writes synchronously, without worker threads. */
export function createRootLog(options: RootLogOptions): RootLog {
  return new Root(options);
}

const rank = (level: LogLevel): number => LOG_LEVELS.indexOf(level);

/** Levels by component; the empty name is everything else. `version` tells children that their cached rank is old. */
class Levels {
  version = 0;
  readonly #levels = new Map<string, LogLevel>();

  constructor(level: LogLevel) {
    this.#levels.set('', level);
  }

  of(component: string): LogLevel {
    return this.#levels.get(component) ?? this.#levels.get('') ?? 'info';
  }

  set(level: LogLevel, component: string): void {
    this.#levels.set(component, level);
    this.version++;
  }

  all(): Record<string, LogLevel> {
    return Object.fromEntries(this.#levels);
  }
}

class Child implements Log {
  readonly #levels: Levels;
  readonly #pino: Logger;
  readonly #component: string;
  #version = -1;
  #rank = 0;

  constructor(levels: Levels, logger: Logger, component: string) {
    this.#levels = levels;
    this.#pino = logger;
    this.#component = component;
  }

  get level(): LogLevel {
    return this.#levels.of(this.#component);
  }

  isEnabled(level: LineLevel): boolean {
    if (this.#version !== this.#levels.version) {
      this.#version = this.#levels.version;
      this.#rank = rank(this.level);
    }
    return rank(level) >= this.#rank;
  }

  child(fields: LogFields): Log {
    const named = fields['component'] ?? fields['plugin'];
    // A plugin's child is named by its generation, `rtmp@7`; a level is set for the plugin.
    const component = typeof named === 'string' ? named.replace(/@.*$/, '') : this.#component;
    return new Child(this.#levels, this.#pino.child(safeFields(fields)), component);
  }

  trace(message: string, fields?: LogFields): void {
    this.#line('trace', message, fields);
  }
  debug(message: string, fields?: LogFields): void {
    this.#line('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#line('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#line('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#line('error', message, fields);
  }

  #line(level: LineLevel, message: string, fields: LogFields | undefined): void {
    if (!this.isEnabled(level)) return;
    this.#pino[level](fields === undefined ? {} : safeFields(fields), maskText(message));
  }
}

class Root extends Child implements RootLog {
  readonly #levels: Levels;
  readonly #recent: RecentLines;

  constructor(options: RootLogOptions) {
    const levels = new Levels(options.level);
    const recent = new RecentLines();
    const write = options.write ?? ((line: string) => void process.stdout.write(`${line}\n`));
    const sink = (text: string): void => {
      const line = text.trimEnd();
      write(options.pretty ? prettyLine(line, options.colour ?? false) : line);
      recent.add(line);
    };
    const settings = {
      level: 'trace',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    super(levels, pino(settings, { write: sink }), '');
    this.#levels = levels;
    this.#recent = recent;
  }

  setLevel(level: LogLevel, component = ''): void {
    this.#levels.set(level, component);
  }

  levels(): Readonly<Record<string, LogLevel>> {
    return this.#levels.all();
  }

  tail(listener: (line: string) => void): () => void {
    return this.#recent.follow(listener);
  }

  recent(count: number): string[] {
    return this.#recent.last(count);
  }
}

/** A ring of lines and those who follow it. */
class RecentLines {
  readonly #ring: string[] = [];
  readonly #followers = new Set<{ readonly listener: (line: string) => void }>();
  #next = 0;

  add(line: string): void {
    this.#ring[this.#next] = line;
    this.#next = (this.#next + 1) % RECENT_LINES;
    for (const follower of [...this.#followers]) {
      try {
        follower.listener(line);
      } catch {
        // Nobody to tell: a line about a broken reader of lines would reach that reader again.
        this.#followers.delete(follower);
      }
    }
  }

  follow(listener: (line: string) => void): () => void {
    const follower = { listener };
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  last(count: number): string[] {
    const ordered = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
    return count <= 0 ? [] : ordered.slice(-count);
  }
}

function safeFields(fields: LogFields): Record<string, unknown> {
  const masked = maskValue(fields);
  const pairs = Object.entries(typeof masked === 'object' && masked !== null ? masked : {});
  return Object.fromEntries(pairs.map(([name, value]) => [RESERVED.has(name) ? `${name}_` : name, value]));
}
