import { displayWidth, padColumns, printable, printableLines } from './printable.ts';

/** How an answer is to be shown. */
export interface AnswerStyle {
  /** JSON instead of tables. */
  readonly json: boolean;
  /** Width of the terminal, where there is one: wider tables become lists of fields. */
  readonly columns?: number | undefined;
}

type Row = Readonly<Record<string, unknown>>;

/** Nesting up to which objects are laid out; deeper ones are shown as JSON. */
const MAX_LAYOUT_DEPTH = 3;

/**
 * The answer of an operation as text that ends with a line end: an array of objects as a table (header, rule of dashes,
 * padded columns), an object as `name  value` lines, an array of plain values one a line.
 */
export function formatAnswer(value: unknown, style: AnswerStyle): string {
  if (style.json) return `${toJson(value, 2)}\n`;
  if (value === undefined || value === null) return 'OK\n';
  return layOut(value, style.columns, 0).map((line) => `${line}\n`).join('');
}

/** Rows as a table; columns in the order of their first appearance, missing values as `-`. */
export function formatTable(rows: readonly Row[], columns?: number): string[] {
  const names = columnNames(rows);
  const cells = rows.map((row) => names.map((name) => cell(row[name])));
  const widths = names.map((name, index) => Math.max(displayWidth(printable(name)), ...cells.map((line) => displayWidth(line[index] ?? ''))));
  const total = widths.reduce((sum, width) => sum + width + 2, -2);
  if (columns !== undefined && total > columns) return records(rows, names);
  const line = (texts: readonly string[]): string => texts.map((text, index) => padColumns(text, widths[index] ?? 0)).join('  ').trimEnd();
  return [line(names.map(printable)), '-'.repeat(Math.max(total, 0)), ...cells.map(line)];
}

/** JSON of anything: big integers as text, cycles and functions never fail the command. */
export function toJson(value: unknown, indent = 0): string {
  const seen: object[] = [];
  const text = JSON.stringify(
    value,
    function (this: unknown, _key, inner: unknown) {
      if (typeof inner === 'bigint') return inner.toString();
      if (typeof inner !== 'object' || inner === null) return inner;
      while (seen.length > 0 && seen.at(-1) !== this) seen.pop();
      if (seen.includes(inner)) return '[circular]';
      seen.push(inner);
      return inner;
    },
    indent,
  ) as string | undefined;
  return printableLines(text ?? 'null');
}

function layOut(value: unknown, columns: number | undefined, depth: number): string[] {
  if (Array.isArray(value)) return layOutArray(value, columns, depth);
  if (isRow(value) && depth < MAX_LAYOUT_DEPTH) return layOutRow(value, columns, depth);
  if (typeof value === 'string') return printableLines(value).replace(/\n$/, '').split('\n');
  return [cell(value)];
}

function layOutArray(values: readonly unknown[], columns: number | undefined, depth: number): string[] {
  if (values.length === 0) return ['(none)'];
  if (values.every(isRow)) return formatTable(values, columns);
  return values.flatMap((value) => (typeof value === 'string' ? layOut(value, columns, depth) : [cell(value)]));
}

function layOutRow(row: Row, columns: number | undefined, depth: number): string[] {
  const entries = Object.entries(row).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return ['(none)'];
  const width = Math.max(...entries.filter(([, value]) => !isBlock(value)).map(([name]) => displayWidth(printable(name))), 0);
  return entries.flatMap(([name, value]) => {
    if (!isBlock(value)) return [`${padColumns(printable(name), width)}  ${cell(value)}`.trimEnd()];
    const inner = layOut(value, columns === undefined ? undefined : columns - 2, depth + 1);
    return [`${printable(name)}:`, ...inner.map((line) => `  ${line}`)];
  });
}

function records(rows: readonly Row[], names: readonly string[]): string[] {
  const width = Math.max(...names.map((name) => displayWidth(printable(name))));
  return rows.flatMap((row, index) => [
    ...(index === 0 ? [] : ['']),
    ...names.map((name) => `${padColumns(printable(name), width)}  ${cell(row[name])}`.trimEnd()),
  ]);
}

function columnNames(rows: readonly Row[]): string[] {
  const names = new Set<string>();
  for (const row of rows) for (const [name, value] of Object.entries(row)) if (value !== undefined) names.add(name);
  return [...names];
}

function cell(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.length === 0 ? '-' : printable(value.join(', '));
  return value instanceof Date ? value.toISOString() : printable(toJson(value));
}

/** Something that needs lines of its own below its name. */
function isBlock(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isRow);
  return isRow(value) && Object.keys(value).length > 0;
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date) && !ArrayBuffer.isView(value);
}
