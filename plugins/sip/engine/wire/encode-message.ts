import { ProtocolError } from 'wcs-core';
import { isToken } from './characters.ts';
import type { SipMessage } from './sip-message.ts';

const encoder = new TextEncoder();
/** Line ends and NUL: they would begin a header of somebody else's making. */
 
const FORBIDDEN = /[\r\n\0]/;

/**
 * A message as bytes, with its Content-Length.
 *
 * @throws ProtocolError when a header, the URI or the reason holds a line end or NUL
 */
export function encodeSipMessage(message: SipMessage): Uint8Array {
  const head = encoder.encode(encodeHead(message));
  const bytes = new Uint8Array(head.length + message.body.length);
  bytes.set(head);
  bytes.set(message.body, head.length);
  return bytes;
}

function encodeHead(message: SipMessage): string {
  const start = message.type === 'request' ? `${message.method} ${message.uri} SIP/2.0` : `SIP/2.0 ${message.status} ${message.reason}`;
  if (FORBIDDEN.test(start) || (message.type === 'request' && (!isToken(message.method) || /\s/.test(message.uri)))) throw new ProtocolError('A start line that would break the message');
  let head = `${start}\r\n`;
  for (const [name, value] of message.headers) {
    if (name === 'Content-Length') continue;
    checkHeader(name, value);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}Content-Length: ${message.body.length}\r\n\r\n`;
}

/**
 * Refuses what would break out of its header field.
 *
 * @throws ProtocolError naming the header, never its value
 */
export function checkHeader(name: string, value: string): void {
  if (!isToken(name)) throw new ProtocolError('A header whose name is no token');
  if (FORBIDDEN.test(value)) throw new ProtocolError(`The header ${name} holds a line end or NUL`);
}
