import { ProtocolError } from 'wcs-core';

/** Characters of one command line; a JSON value of a few hundred fields still fits. */
export const MAX_LINE_LENGTH = 65_536;
/** Words of one command line. */
export const MAX_WORDS = 1_024;

/** What keeps a line from ending: an open quote, a backslash at the end, or nothing. */
export type OpenEnd = "'" | '"' | '\\' | '';

/** A line taken apart as far as it goes; for completion, which sees unfinished lines. */
export interface SplitLine {
  readonly words: readonly string[];
  readonly open: OpenEnd;
  /** True when the last word may still grow: no blank behind it. */
  readonly inWord: boolean;
  /** Offset in the line where the last word begins, quotes included; the line's length when none is being typed. */
  readonly lastStart: number;
}

/**
 * Takes a line apart by the quoting rules of the POSIX shell, without expansions: `'…'` is literal, in `"…"` a backslash
 * protects `"` and `\`, outside of quotes it protects any character.
 *
 * @throws ProtocolError beyond `MAX_LINE_LENGTH` or `MAX_WORDS`
 * @see POSIX.1-2017 Shell Command Language section 2.2
 */
export function splitLine(line: string): SplitLine {
  if (line.length > MAX_LINE_LENGTH) throw new ProtocolError(`A command line has at most ${MAX_LINE_LENGTH} characters.`);
  const splitter = new Splitter();
  for (let offset = 0; offset < line.length; offset++) splitter.take(line.charAt(offset), offset);
  return splitter.finish(line.length);
}

/**
 * The words of a complete line.
 *
 * @throws ProtocolError for an open quote, and as `splitLine`
 */
export function parseCommandLine(line: string): readonly string[] {
  const { words, open } = splitLine(line);
  if (open === '\\') throw new ProtocolError('The line ends with a backslash that protects nothing.', line.length);
  if (open !== '') throw new ProtocolError(`The line ends within ${open}…${open}; close the quote.`, line.length);
  return words;
}

/** A word in the shortest form that `parseCommandLine` reads back as it is. */
export function quoteWord(word: string): string {
  if (/^[^\s'"\\]+$/.test(word)) return word;
  return word.includes("'") ? `"${word.replace(/["\\]/g, '\\$&')}"` : `'${word}'`;
}

const BLANK = /[ \t\r\n]/;

class Splitter {
  readonly #words: string[] = [];
  #word: string | undefined;
  #wordStart = 0;
  #open: OpenEnd = '';
  #escapedIn: "'" | '"' | '' = '';

  take(char: string, offset: number): void {
    switch (this.#open) {
      case '':
        this.#outside(char, offset);
        return;
      case "'":
        if (char === "'") this.#open = '';
        else this.#append(char);
        return;
      case '"':
        this.#inDoubleQuotes(char);
        return;
      case '\\':
        this.#escaped(char);
        return;
    }
  }

  finish(length: number): SplitLine {
    const inWord = this.#word !== undefined;
    // A backslash at the end of "…" leaves the quote open, which is the better thing to report.
    const open = this.#open === '\\' && this.#escapedIn !== '' ? this.#escapedIn : this.#open;
    if (inWord) this.#endWord();
    return { words: this.#words, open, inWord, lastStart: inWord ? this.#wordStart : length };
  }

  #outside(char: string, offset: number): void {
    if (BLANK.test(char)) {
      this.#endWord();
      return;
    }
    if (this.#word === undefined) {
      this.#word = '';
      this.#wordStart = offset;
    }
    if (char === "'" || char === '"') this.#open = char;
    else if (char === '\\') this.#escape('');
    else this.#append(char);
  }

  #inDoubleQuotes(char: string): void {
    if (char === '"') this.#open = '';
    else if (char === '\\') this.#escape('"');
    else this.#append(char);
  }

  #escape(within: '"' | ''): void {
    this.#open = '\\';
    this.#escapedIn = within;
  }

  #escaped(char: string): void {
    if (this.#escapedIn === '"' && char !== '"' && char !== '\\') this.#append('\\');
    this.#append(char);
    this.#open = this.#escapedIn;
    this.#escapedIn = '';
  }

  #append(char: string): void {
    this.#word = (this.#word ?? '') + char;
  }

  #endWord(): void {
    if (this.#word === undefined) return;
    if (this.#words.length === MAX_WORDS) throw new ProtocolError(`A command line has at most ${MAX_WORDS} words.`);
    this.#words.push(this.#word);
    this.#word = undefined;
  }
}
