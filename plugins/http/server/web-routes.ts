import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf, WEB_BODY_MAX_BYTES, type Log, type WebAnswer, type WebRoute } from 'wcs-core';
import { answerOf, HttpFailure } from '../wire/rest-error.ts';

/** Answers a request by the route of another plugin. Resolves when the answer is written; never rejects. */
export async function answerByRoute(route: WebRoute, request: IncomingMessage, response: ServerResponse, signal: AbortSignal, log: Log): Promise<void> {
  const { method = 'GET', headers, socket } = request;
  const [path, query] = splitTarget(request.url ?? '/');
  let answer: WebAnswer;
  try {
    if (!route.methods.includes(method)) throw new HttpFailure(405, 'OPERATION_E_INPUT', `${route.prefix} takes ${route.methods.join(', ')}.`, { Allow: route.methods.join(', ') });
    const body = await readBody(request);
    const { remoteAddress = '', remotePort = 0 } = socket;
    answer = await route.handle({ method, path, query: new URLSearchParams(query), headers, body, remoteAddress, remotePort, encrypted: 'encrypted' in socket, signal });
  } catch (error) {
    // Nobody is there to be answered, and it is no fault of ours.
    if (signal.aborted) return;
    const { status, headers: own, body, isFault } = answerOf(error);
    if (isFault) log.error(`${method} ${path} failed: ${messageOf(error)}`, { err: error });
    answer = { status, headers: { ...own, 'Content-Type': 'application/json; charset=utf-8' }, body: JSON.stringify(body) };
  }
  write(response, answer, method === 'HEAD');
}

/** Path and query of a request target. */
export function splitTarget(target: string): [path: string, query: string] {
  const at = target.indexOf('?');
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

/** @throws HttpFailure 413 */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > WEB_BODY_MAX_BYTES) throw new HttpFailure(413, 'PROTOCOL_E_LIMIT', `The body is longer than ${WEB_BODY_MAX_BYTES} bytes.`, { Connection: 'close' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function write(response: ServerResponse, { status, headers = {}, body = '' }: WebAnswer, headOnly: boolean): void {
  if (response.destroyed || response.headersSent) return;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.setHeader('Content-Length', bytes.byteLength);
  response.writeHead(status);
  if (headOnly) response.end();
  else response.end(bytes);
}
