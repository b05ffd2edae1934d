import { randomUUID } from 'node:crypto';
import { WcsError, type TelephoneAccount, type TextMessage } from 'wcs-core';
import type { Agents } from './agents.ts';
import { addressesOf, callerOf, requestHeaders } from './addresses.ts';
import { credentialsOf, withCredentials } from './authenticated.ts';
import { exchange } from './exchange.ts';
import type { SrfMessage, SrfRequestOptions, SrfResponse } from './srf.ts';

/** What fits into a datagram with its headers, whatever way the message takes. @see RFC 3428 section 8 */
const BODY_BYTES_MAX = 1300;
/** @see RFC 3261 section 25.1 */
const CONTENT_TYPE = /^[\w.+-]{1,64}\/[\w.+-]{1,64}(?:; ?charset=[\w-]{1,32})?$/;

/** @throws WcsError OPERATION_E_INPUT for a text that can't be sent */
export function checkText({ contentType, body }: Pick<TextMessage, 'contentType' | 'body'>): void {
  if (!CONTENT_TYPE.test(contentType)) throw new WcsError('OPERATION_E_INPUT', 'The content type of the message is none');
  if (Buffer.byteLength(body) > BODY_BYTES_MAX) throw new WcsError('OPERATION_E_INPUT', `The message is longer than ${BODY_BYTES_MAX} bytes`);
}

/**
 * Sends a text outside of calls. @see RFC 3428
 *
 * @param uri of who is to have it
 * @param callerAddress IP address of whoever asked for it
 * @throws what the engine says when it cannot be sent
 */
export async function sendText(agents: Agents, account: TelephoneAccount, uri: string, { contentType, body }: TextMessage, callerAddress: string | undefined): Promise<SrfResponse> {
  const { proxy, own } = addressesOf(account);
  const { srf } = agents.of(own);
  const headers = { ...requestHeaders(account, uri, account.visibleName, callerAddress), 'Content-Type': contentType === 'text/plain' ? 'text/plain;charset=UTF-8' : contentType };
  const options: SrfRequestOptions = { method: 'MESSAGE', body, ...(proxy === undefined ? {} : { proxy }) };
  return (await withCredentials('MESSAGE', credentialsOf(account), (added) => exchange(srf, uri, { ...options, headers: { ...headers, ...added } }))).response;
}

/** A text that has come. */
export function receivedText(request: SrfMessage, { login }: TelephoneAccount): TextMessage {
  return { id: randomUUID(), from: callerOf(request).caller, to: login, contentType: request.get('content-type') ?? 'text/plain', body: request.body };
}
