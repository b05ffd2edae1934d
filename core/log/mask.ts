/** What stands in the place of a secret. */
export const MASK = '***';

/** Longest string kept of one message or field. */
const MAX_TEXT_CHARS = 8192;
/** Longest string looked at; what lies behind it is dropped unread. */
const MAX_SCANNED_CHARS = 65_536;
const MAX_DEPTH = 8;
const MAX_ITEMS = 200;

/** Compared with `-`, `_` and `.` taken out, in lower case. `appKey` names an application, so a bare `…key` is no secret. */
const SECRET_KEY =
  /^(?:key|pass|pwd|auth)$|pass(?:word|wd|phrase)s?$|(?:user|sip|auth|db)pass$|tokens?$|secret|authorization$|credentials?$|aclauth|cookie$|(?:api|private|secret|stream|access|session|encryption|shared|master|aes|srtp)keys?$/;

/** True when a field or parameter of this name holds a secret. */
export function isSecretKey(name: string): boolean {
  return SECRET_KEY.test(name.replace(/[-_.]/g, '').toLowerCase());
}

const AUTHORIZATION_LINE = /((?:proxy-)?authorization["']?\s*[:=]\s*)[^\r\n]+/gi;
const AUTHORIZATION_VALUE = /\b(bearer|basic)\s+[\w+/=.~-]{8,}/gi;
/** The last `@` of the authority ends the user part: passwords do hold a raw `@`. */
const URL_USER = /(:\/\/[^\s/?#:@]{0,256}):[^\s/?#]{0,1024}@/g;
/** A password with a raw `/` in it; `host:8081/…@` is told apart by its port. */
const URL_USER_WITH_SLASH = /(:\/\/[^\s/?#:@]{0,256}):(?!\d{1,5}(?:[/?#\s]|$))[^\s]{0,512}@/g;
const ENCODED_URL_USER = /(%3a%2f%2f(?:(?!%3a|%2f|%40)[^\s&]){0,256})%3a[^\s&]{0,1024}?%40/gi;
const ASSIGNMENT = /([A-Za-z][\w.-]{0,63})(["']?\s{0,8}(?:[:=]|%3d)\s{0,8})("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s&;,"'<>]+)/gi;

/** Masks credentials in URLs, `name=value` and `name: value` pairs with a secret name, and authorization headers. */
export function maskText(text: string): string {
  if (!/[:=@%]|bearer|basic/i.test(text)) return clip(text);
  const masked = text
    .slice(0, MAX_SCANNED_CHARS)
    .replace(AUTHORIZATION_LINE, `$1${MASK}`)
    .replace(AUTHORIZATION_VALUE, `$1 ${MASK}`)
    .replace(URL_USER, `$1:${MASK}@`)
    .replace(URL_USER_WITH_SLASH, `$1:${MASK}@`)
    .replace(ENCODED_URL_USER, `$1%3A${MASK}%40`);
  return clip(maskAssignments(masked));
}

/** A value that is no secret may hold an assignment itself (`url=rtmp://h/a?token=…`), so the scan goes on inside it. */
function maskAssignments(text: string): string {
  const pattern = new RegExp(ASSIGNMENT);
  let result = '';
  let copied = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [whole, name = '', separator = ''] = match;
    if (!isSecretKey(name)) {
      pattern.lastIndex = match.index + name.length + separator.length;
      continue;
    }
    result += text.slice(copied, match.index) + name + separator + MASK;
    copied = match.index + whole.length;
  }
  return result + text.slice(copied);
}

function clip(text: string): string {
  return text.length <= MAX_TEXT_CHARS ? text : `${text.slice(0, MAX_TEXT_CHARS)}… (${text.length} chars)`;
}

/** A copy of any value fit for a log line: secrets masked at any depth, errors spelled out, cycles cut, sizes bounded. */
export function maskValue(value: unknown): unknown {
  return maskAny(value, []);
}

function maskAny(value: unknown, parents: readonly object[]): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (parents.includes(value)) return '[circular]';
  if (parents.length >= MAX_DEPTH) return '[too deep]';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof URL) return maskText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const inside = [...parents, value];
  if (value instanceof Error) return maskError(value, inside);
  if (value instanceof Map) return maskPairs(value.entries(), inside);
  if (Array.isArray(value) || value instanceof Set) return maskItems(value, inside);
  return maskPairs(ownPairs(value), inside);
}

function maskItems(items: Iterable<unknown>, parents: readonly object[]): unknown[] {
  const result: unknown[] = [];
  for (const item of items) {
    if (result.length === MAX_ITEMS) {
      result.push('[more]');
      break;
    }
    result.push(maskAny(item, parents));
  }
  return result;
}

function maskPairs(pairs: Iterable<readonly [unknown, unknown]>, parents: readonly object[]): Record<string, unknown> {
  const result = new Map<string, unknown>();
  for (const [name, value] of pairs) {
    if (result.size === MAX_ITEMS) break;
    const key = typeof name === 'string' ? maskText(name) : String(maskAny(name, parents));
    result.set(key, hidden(key, value) ? MASK : maskAny(value, parents));
  }
  return Object.fromEntries(result);
}

/** Yes/no facts (`key: true` of a frame) and absent values give nothing away. */
function hidden(name: string, value: unknown): boolean {
  return typeof value !== 'boolean' && value !== undefined && value !== null && isSecretKey(name);
}

function* ownPairs(value: object): Iterable<readonly [string, unknown]> {
  for (const name of Object.keys(value)) {
    yield [name, readProperty(value, name)];
  }
}

function readProperty(value: object, name: string): unknown {
  try {
    return Reflect.get(value, name) as unknown;
  } catch {
    return '[unreadable]';
  }
}

function maskError(error: Error, parents: readonly object[]): Record<string, unknown> {
  const facts: [string, unknown][] = [['type', error.name], ['message', error.message], ['stack', error.stack]];
  if (error.cause !== undefined) facts.push(['cause', error.cause]);
  if (error instanceof AggregateError) facts.push(['errors', error.errors]);
  return maskPairs([...facts, ...ownPairs(error)], parents);
}
