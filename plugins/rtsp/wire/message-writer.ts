import { reasonOf } from './status.ts';
import type { RtspHeaders } from './message.ts';

const VERSION = 'RTSP/1.0';
const EMPTY = new Uint8Array(0);
const FRAME_HEAD_BYTES = 4;
/** Nothing that came from elsewhere may begin a line of its own. */
const LINE_BREAKS = /[\r\n\0]+/g;

/** What a request says besides its method. */
export interface RequestParts {
  readonly method: string;
  readonly uri: string;
  readonly headers: RtspHeaders;
  readonly body?: Uint8Array;
}

/** What a response says. */
export interface ResponseParts {
  readonly status: number;
  /** Default: the phrase of the status. */
  readonly reason?: string;
  readonly headers: RtspHeaders;
  readonly body?: Uint8Array;
}

/** A request with its Content-Length, where it has a body. @see RFC 2326 section 6 */
export function encodeRequest({ method, uri, headers, body = EMPTY }: RequestParts): Uint8Array {
  return encodeMessage(`${method} ${uri.replace(/\s/g, '%20')} ${VERSION}`, headers, body);
}

/** A response with its Content-Length, where it has a body. @see RFC 2326 section 7 */
export function encodeResponse({ status, reason, headers, body = EMPTY }: ResponseParts): Uint8Array {
  return encodeMessage(`${VERSION} ${status} ${reason ?? reasonOf(status)}`, headers, body);
}

/** A frame in memory of its own. @see RFC 2326 section 10.12 */
export function encodeInterleaved(channel: number, data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + data.length);
  frame[0] = 0x24;
  frame[1] = channel;
  frame[2] = data.length >> 8;
  frame[3] = data.length & 0xff;
  frame.set(data, FRAME_HEAD_BYTES);
  return frame;
}

function encodeMessage(startLine: string, headers: RtspHeaders, body: Uint8Array): Uint8Array {
  const lines = [startLine, ...headers.map(([name, value]) => `${name}: ${value}`)];
  if (body.length > 0) lines.push(`Content-Length: ${body.length}`);
  const head = new TextEncoder().encode(`${lines.map((line) => line.replace(LINE_BREAKS, ' ')).join('\r\n')}\r\n\r\n`);
  if (body.length === 0) return head;
  const message = new Uint8Array(head.length + body.length);
  message.set(head);
  message.set(body, head.length);
  return message;
}
