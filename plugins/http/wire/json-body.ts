import { WcsError } from 'wcs-core';

/** Arrays and objects within each other; schemas walk them by recursion. */
export const JSON_MAX_DEPTH = 64;

/**
 * A JSON request body; undefined for an empty one.
 *
 * @throws WcsError OPERATION_E_INPUT when it is no JSON, nested deeper than `JSON_MAX_DEPTH`, or has a key `__proto__`
 */
export function parseJsonBody(text: string): unknown {
  const trimmed = text.charCodeAt(0) === 0xfeff ? text.slice(1).trim() : text.trim();
  if (trimmed === '') return undefined;
  if (depthOf(trimmed) > JSON_MAX_DEPTH) throw new WcsError('OPERATION_E_INPUT', `The body is nested deeper than ${JSON_MAX_DEPTH} levels.`);
  try {
    return JSON.parse(trimmed, refusePrototypes) as unknown;
  } catch (error) {
    if (error instanceof WcsError) throw error;
    throw new WcsError('OPERATION_E_INPUT', 'The body is no JSON. Send an object such as {"name":"stream1"}, or nothing.', { cause: error });
  }
}

function refusePrototypes(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new WcsError('OPERATION_E_INPUT', 'The body has a key "__proto__", which is not accepted.');
  return value;
}

/** Deepest nesting of brackets outside strings, also of a text that is no JSON; gives up once it is too deep. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < text.length && deepest <= JSON_MAX_DEPTH; index++) {
    const char = text[index];
    if (inString) {
      if (char === '\\') index++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth);
    else if (char === '}' || char === ']') depth--;
  }
  return deepest;
}
