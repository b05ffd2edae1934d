import { ProtocolError } from 'wcs-core';
import { MAX_DEPTH } from './limits.ts';

/** A client's frame: a name and the one argument that clients send. */
export interface Envelope {
  readonly message: string;
  /** The first element of `data`; undefined where there is none. */
  readonly argument: unknown;
}

/**
 * Opens a client's text frame. `data` may be missing, as in the pong of a media socket.
 *
 * @throws ProtocolError when it is no JSON, nested deeper than `MAX_DEPTH`, or has no name
 */
export function parseEnvelope(text: string): Envelope {
  checkDepth(text);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new ProtocolError('The message is not JSON');
  }
  if (!isRecord(parsed) || typeof parsed.message !== 'string') throw new ProtocolError('The message has no name');
  const { message, data } = parsed;
  const first: unknown = Array.isArray(data) ? data[0] : undefined;
  return { message, argument: first };
}

/** The frame of a server's message; `data` is always an array, without which the SDK drops the frame. */
export function encodeEnvelope(message: string, data: readonly unknown[]): string {
  return JSON.stringify({ message, data });
}

/** True for what JSON calls an object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `JSON.stringify` walks recursively: what is nested too deep must not come in, lest it break the stack when it goes out again. */
function checkDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > MAX_DEPTH) throw new ProtocolError(`The message is nested deeper than ${MAX_DEPTH}`, at);
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
