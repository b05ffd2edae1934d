const CONTROLS = /[\p{Cc}\u2028\u2029\p{Bidi_Control}]/gu;
const CONTROLS_BUT_LINES = /(?![\n\t])[\p{Cc}\u2028\u2029\p{Bidi_Control}]/gu;
/** East Asian wide and fullwidth blocks and pictographs, which take two columns of a terminal. */
const WIDE = /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u;
const COMBINING = /^\p{Mark}|^\u200D/u;

/** Text on one line with controls escaped, so that a name a peer chose can't drive the operator's terminal. */
export function printable(text: string): string {
  return text.replace(CONTROLS, escaped);
}

/** As `printable`, but line ends and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(CONTROLS_BUT_LINES, escaped);
}

/** Columns that a text without controls takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) if (!COMBINING.test(char)) width += WIDE.test(char) ? 2 : 1;
  return width;
}

/** Pads with blanks to a number of columns. */
export function padColumns(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)));
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
