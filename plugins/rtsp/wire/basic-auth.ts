import { createHash, timingSafeEqual } from 'node:crypto';
import { quote, type AuthHeader } from './auth-header.ts';

/** A user name and a password, as they are. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A WWW-Authenticate value. @see RFC 7617 section 2 */
export function encodeBasicChallenge(realm: string): string {
  return `Basic realm=${quote(realm)}`;
}

/** An Authorization value. */
export function encodeBasicCredentials({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Who the peer says it is; undefined when this is no Basic authorization. */
export function parseBasicCredentials({ scheme, token }: AuthHeader): Credentials | undefined {
  if (scheme !== 'basic' || token === undefined) return undefined;
  const text = Buffer.from(token, 'base64').toString();
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** True when both texts are the same, in a time that tells nothing about where they differ. */
export function isSameSecret(a: string, b: string): boolean {
  const [first, second] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return first !== undefined && second !== undefined && timingSafeEqual(first, second);
}
