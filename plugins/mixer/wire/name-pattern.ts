/** Longest pattern, in characters. */
export const PATTERN_MAX_CHARS = 200;

type Test = (character: string) => boolean;

/** A state of the automaton: takes a character, goes on to two others, or is the end. */
type State = { readonly type: 'take'; readonly test: Test; next: number } | { readonly type: 'fork'; a: number; b: number } | { readonly type: 'end' };

/** Part of an automaton: where it begins, and which links lead out of it. */
interface Part {
  readonly start: number;
  readonly exits: readonly ((target: number) => void)[];
}

const CLASSES: Readonly<Record<string, Test>> = {
  d: (character) => /^\d$/.test(character),
  D: (character) => !/^\d$/.test(character),
  w: (character) => /^\w$/.test(character),
  W: (character) => !/^\w$/.test(character),
  s: (character) => /^\s$/.test(character),
  S: (character) => !/^\s$/.test(character),
};

/**
 * A regular expression for whole names that takes time in proportion to the name, whatever the pattern: all ways through it are
 * followed at once, and none is tried again. Known are `.`, `[a-z]`, `[^a-z]`, `\d \w \s` and their opposites, `\` before a sign,
 * `( )`, `|`, `*`, `+`, `?`, and `^` and `$` around all of it.
 */
export class NamePattern {
  readonly #states: readonly State[];
  readonly #start: number;

  /** @throws RangeError saying what is wrong, or not known here */
  constructor(text: string) {
    if (text.length > PATTERN_MAX_CHARS) throw new RangeError(`a pattern has ${PATTERN_MAX_CHARS} characters at most`);
    const { states, start } = new PatternParser(text.replace(/^\^/, '').replace(/(?<!\\)\$$/, '')).parse();
    this.#states = states;
    this.#start = start;
  }

  matches(name: string): boolean {
    let current = this.#closure([this.#start]);
    for (const character of name) {
      const next: number[] = [];
      for (const index of current) {
        const state = this.#states[index];
        if (state?.type === 'take' && state.test(character)) next.push(state.next);
      }
      if (next.length === 0) return false;
      current = this.#closure(next);
    }
    return [...current].some((index) => this.#states[index]?.type === 'end');
  }

  /** The states themselves and those reached without a character. */
  #closure(from: readonly number[]): ReadonlySet<number> {
    const reached = new Set<number>();
    const pending = [...from];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (reached.has(index)) continue;
      reached.add(index);
      const state = this.#states[index];
      if (state?.type === 'fork') pending.push(state.a, state.b);
    }
    return reached;
  }
}

/** Builds the automaton by recursive descent. */
class PatternParser {
  readonly #signs: readonly string[];
  readonly #states: State[] = [];
  #at = 0;

  constructor(text: string) {
    this.#signs = [...text];
  }

  parse(): { readonly states: readonly State[]; readonly start: number } {
    const part = this.#alternatives();
    if (this.#at < this.#signs.length) throw new RangeError('a ) without its (');
    const end = this.#states.push({ type: 'end' }) - 1;
    for (const exit of part.exits) exit(end);
    return { states: this.#states, start: part.start };
  }

  #alternatives(): Part {
    let part = this.#sequence();
    while (this.#signs[this.#at] === '|') {
      this.#at += 1;
      const other = this.#sequence();
      part = { start: this.#fork(part.start, other.start).index, exits: [...part.exits, ...other.exits] };
    }
    return part;
  }

  #sequence(): Part {
    // An empty one is a fork whose ways are the same.
    const { index, state } = this.#fork(-1, -1);
    let exits: Part['exits'] = [(target) => void ((state.a = target), (state.b = target))];
    for (let sign = this.#signs[this.#at]; sign !== undefined && sign !== '|' && sign !== ')'; sign = this.#signs[this.#at]) {
      const part = this.#repeated();
      for (const exit of exits) exit(part.start);
      exits = part.exits;
    }
    return { start: index, exits };
  }

  #repeated(): Part {
    let part = this.#atom();
    for (let sign = this.#signs[this.#at]; sign === '*' || sign === '+' || sign === '?'; sign = this.#signs[this.#at]) {
      this.#at += 1;
      const { index, state } = this.#fork(part.start, -1);
      const leave = (target: number): void => void (state.b = target);
      if (sign === '?') part = { start: index, exits: [...part.exits, leave] };
      else {
        for (const exit of part.exits) exit(index);
        part = { start: sign === '*' ? index : part.start, exits: [leave] };
      }
    }
    return part;
  }

  #atom(): Part {
    const sign = this.#signs[this.#at++] ?? '';
    if (sign === '(') return this.#group();
    if (sign === '[') return this.#take(this.#set());
    if (sign === '.') return this.#take(() => true);
    if (sign === '\\') return this.#take(this.#escaped());
    if ('*+?{}^$'.includes(sign)) throw new RangeError(`${sign} at character ${this.#at} has no meaning here`);
    return this.#take((character) => character === sign);
  }

  #group(): Part {
    if (this.#signs[this.#at] === '?') {
      if (this.#signs[this.#at + 1] !== ':') throw new RangeError('(? is known as (?: only');
      this.#at += 2;
    }
    const part = this.#alternatives();
    if (this.#signs[this.#at++] !== ')') throw new RangeError('a ( without its )');
    return part;
  }

  #escaped(): Test {
    const sign = this.#signs[this.#at++];
    if (sign === undefined) throw new RangeError('a \\ at the end');
    const known = CLASSES[sign];
    if (known === undefined && /[a-z0-9]/i.test(sign)) throw new RangeError(`\\${sign} is not known`);
    return known ?? ((character) => character === sign);
  }

  #set(): Test {
    const isOpposite = this.#signs[this.#at] === '^';
    if (isOpposite) this.#at += 1;
    const tests: Test[] = [];
    for (let sign = this.#signs[this.#at++]; sign !== ']'; sign = this.#signs[this.#at++]) {
      if (sign === undefined) throw new RangeError('a [ without its ]');
      const [dash, to] = [this.#signs[this.#at], this.#signs[this.#at + 1]];
      if (sign === '\\') tests.push(this.#escaped());
      else if (dash === '-' && to !== undefined && to !== ']') {
        const from = sign;
        if (to < from) throw new RangeError(`${from}-${to} is no range`);
        this.#at += 2;
        tests.push((character) => character >= from && character <= to);
      } else {
        const own = sign;
        tests.push((character) => character === own);
      }
    }
    return (character) => tests.some((test) => test(character)) !== isOpposite;
  }

  #take(test: Test): Part {
    const state: State = { type: 'take', test, next: -1 };
    const start = this.#states.push(state) - 1;
    return { start, exits: [(target) => void (state.next = target)] };
  }

  #fork(a: number, b: number): { readonly index: number; readonly state: Extract<State, { type: 'fork' }> } {
    const state: Extract<State, { type: 'fork' }> = { type: 'fork', a, b };
    return { index: this.#states.push(state) - 1, state };
  }
}
