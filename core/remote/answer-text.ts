type Row = Readonly<Record<string, unknown>>;

/** Characters that would drive the terminal, or reorder its text, rather than show. */
const CONTROLS = /[\p{Cc}\u2028\u2029\p{Bidi_Control}]/gu;

/**
 * An answer for people, ending with a line end: a list of objects as a table, an object as `name  value` lines.
 *
 * @param columns width of the terminal, where there is one: a wider table becomes a list of fields
 */
export function answerText(value: unknown, columns?: number): string {
  if (value === undefined || value === null) return 'OK\n';
  return linesOf(value, columns).map((line) => `${line}\n`).join('');
}

/** Text without control characters, which a peer may have put into a name. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function linesOf(value: unknown, columns?: number): string[] {
  if (typeof value === 'string') return value.replace(/\n$/, '').split('\n').map(printable);
  if (Array.isArray(value)) {
    if (value.length === 0) return ['(none)'];
    return value.every(isRow) ? tableOf(value, columns) : value.map(cellOf);
  }
  return isRow(value) ? fieldsOf(value) : [cellOf(value)];
}

function tableOf(rows: readonly Row[], columns = Infinity): string[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [names.map(printable), ...rows.map((row) => names.map((name) => cellOf(row[name])))];
  const widths = names.map((_name, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const total = widths.reduce((sum, width) => sum + width + 2, -2);
  if (total > columns) return rows.flatMap((row, index) => (index === 0 ? fieldsOf(row) : ['', ...fieldsOf(row)]));
  return lines.map((line) => line.map((text, index) => text.padEnd(widths[index] ?? 0)).join('  ').trimEnd());
}

function fieldsOf(row: Row): string[] {
  const names = Object.keys(row);
  const width = Math.max(0, ...names.map((name) => printable(name).length));
  return names.map((name) => `${printable(name).padEnd(width)}  ${cellOf(row[name])}`);
}

function cellOf(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
