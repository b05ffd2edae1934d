const COLOURS: Readonly<Record<string, number>> = { trace: 90, debug: 36, info: 32, warn: 33, error: 31 };
const WHERE = new Set(['level', 'time', 'msg', 'component', 'plugin']);

/**
 * Turns a JSON log line into one human line: `12:00:01.250 INFO  rtmp: Publisher connected. stream=cam1`.
 * Control characters are escaped, so that what a peer sent can't drive a terminal. Text that is no JSON object comes back escaped.
 */
export function prettyLine(line: string, colour: boolean): string {
  const record = parseRecord(line);
  if (record === undefined) return escapeControls(line);
  const level = text(record['level']);
  const label = level.toUpperCase().padEnd(5);
  const shade = COLOURS[level];
  const where = record['component'] ?? record['plugin'];
  const parts = [
    text(record['time']).slice(11, 23),
    colour && shade !== undefined ? `\u001B[${shade}m${label}\u001B[0m` : label,
    `${where === undefined ? '' : `${text(where)}: `}${text(record['msg'])}`,
  ];
  for (const [name, value] of Object.entries(record)) {
    if (!WHERE.has(name)) parts.push(`${escapeControls(name)}=${shortForm(value)}`);
  }
  return parts.join(' ');
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  return escapeControls(typeof value === 'string' ? value : jsonOf(value));
}

function shortForm(value: unknown): string {
  const plain = typeof value === 'string' && /^[^\s"=]+$/.test(value);
  return escapeControls(plain ? value : jsonOf(value));
}

function jsonOf(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value);
}

function escapeControls(raw: string): string {
  return raw.replace(/[\p{Cc}\u2028\u2029\p{Bidi_Control}]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
