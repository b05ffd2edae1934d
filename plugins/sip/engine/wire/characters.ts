const TOKEN = /^[\w\-.!%*+`'~]+$/;

/** Whether a text is a token. @see RFC 3261 section 25.1 */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Position behind the quoted string that begins at `start` (a double quote), or -1 when it does not end. */
export function quotedEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '"') return at + 1;
  }
  return -1;
}

/**
 * Splits at a separator that stands outside of quoted strings and angle brackets, and trims the parts.
 *
 * @returns undefined when a quoted string or a bracket does not end
 */
export function splitOutsideQuotes(text: string, separator: string): string[] | undefined {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === separator) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    } else if (character === '"' || character === '<') {
      const end = character === '"' ? quotedEnd(text, at) : text.indexOf('>', at) + 1;
      if (end <= 0) return undefined;
      at = end - 1;
    }
  }
  parts.push(text.slice(from).trim());
  return parts;
}

const SPACE = /[ \t]/;
/** Everything below the space, and DEL: they mean nothing in a header, and harm in logs. */
 
const CONTROL = /[\u0000-\u001f\u007f]/g;

/**
 * A header value as it is kept: control characters are spaces, runs of white space outside of quoted strings one space.
 * Runs of any length take linear time.
 */
export function tidyValue(raw: string): string {
  const text = raw.replace(CONTROL, ' ').trim();
  if (!text.includes('  ')) return text;
  let [tidy, from, mayQuote] = ['', 0, true];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"' && mayQuote) {
      const end = quotedEnd(text, at);
      // Nothing behind here closes: a quote is a character like others from now on.
      if (end < 0) mayQuote = false;
      else at = end - 1;
    } else if (isSpace(text, at) && isSpace(text, at + 1)) {
      tidy += text.slice(from, at);
      while (isSpace(text, at + 1)) at++;
      from = at;
    }
  }
  return tidy + text.slice(from);
}

function isSpace(text: string, at: number): boolean {
  return at < text.length && SPACE.test(text[at] ?? '');
}
