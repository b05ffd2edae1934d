import { ProtocolError } from 'wcs-core';
import { checkHeader } from './encode-message.ts';
import { parseSipMessage } from './parse-message.ts';
import type { SipMessage } from './sip-message.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
/** Line ends that end no line, and NUL. */
 
const FORBIDDEN = /\0|\r(?!\n)|(?<!\r)\n/;

/**
 * A message as the application's parser takes it: with names that are no properties of every object, and the body as text.
 * The headers are those of `parseSipMessage`, short and without runs of white space.
 */
export function applicationText(message: SipMessage): string {
  let text = message.type === 'request' ? `${message.method} ${message.uri} SIP/2.0\r\n` : `SIP/2.0 ${message.status} ${message.reason}\r\n`;
  for (const [name, value] of message.headers) {
    if (name === 'Content-Length' || name.toLowerCase() in Object.prototype) continue;
    checkHeader(name, value);
    text += `${name}: ${value}\r\n`;
  }
  const body = decoder.decode(message.body);
  return `${text}Content-Length: ${encoder.encode(body).length}\r\n\r\n${body}`;
}

/**
 * Reads a message of the application. Its Content-Length counts characters, and is not believed.
 *
 * @throws ProtocolError when it is none, or a header holds NUL or half a line end
 */
export function parseApplicationMessage(text: string): SipMessage {
  const end = text.indexOf('\r\n\r\n');
  const head = end === -1 ? text : text.slice(0, end + 2);
  if (FORBIDDEN.test(head)) throw new ProtocolError('A header holds half a line end or NUL');
  const { message, fault } = parseSipMessage(encoder.encode(head));
  message.headers.delete('Content-Length');
  if (fault !== undefined && fault.reason !== 'Content-Length Beyond The Message') throw new ProtocolError(fault.reason);
  return { ...message, body: encoder.encode(end === -1 ? '' : text.slice(end + 4)) };
}
