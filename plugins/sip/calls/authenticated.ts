import type { TelephoneAccount } from 'wcs-core';
import { answerChallenge, parseChallenges, type Challenge, type Credentials } from './digest.ts';
import type { SrfHeaders, SrfMessage, SrfRequest, SrfResponse } from './srf.ts';

/** Challenges that are answered for one request: a proxy's and a registrar's, say. What comes then is final. */
const CHALLENGES_MAX = 2;

/** How an attempt ended. */
export interface Attempt {
  /** As it was sent: its Call-ID, CSeq and From are those of the next. */
  readonly request: SrfRequest;
  readonly response: SrfResponse;
}

/**
 * Makes a request, and again with credentials when they are asked for: by a proxy, then by whoever is behind it. One answer
 * for each realm, so that a wrong password is tried once; a nonce that was merely too old is no failure.
 *
 * @param attempt sends the request with these headers
 */
export async function withCredentials<A extends Attempt>(method: string, credentials: Credentials, attempt: (headers: SrfHeaders) => Promise<A>): Promise<A> {
  const given = new Map<string, string>();
  const realms = new Set<string>();
  let made = await attempt({});
  for (let challenges = 0; challenges < CHALLENGES_MAX && isChallenge(made.response); challenges++) {
    const challenge = challengeOf(made.response);
    if (challenge === undefined || (realms.has(challenge.realm) && !challenge.stale)) break;
    realms.add(challenge.realm);
    given.set(made.response.status === 407 ? 'Proxy-Authorization' : 'Authorization', answerChallenge(challenge, credentials, { method, uri: made.request.uri }));
    made = await attempt({ ...sameCall(made.request, method), ...Object.fromEntries(given) });
  }
  return made;
}

/** What an account answers challenges with. */
export function credentialsOf({ authenticationName, login, password }: TelephoneAccount): Credentials {
  return { username: authenticationName || login, password };
}

function isChallenge({ status }: SrfResponse): boolean {
  return status === 401 || status === 407;
}

function challengeOf(response: SrfResponse): Challenge | undefined {
  const [first] = parseChallenges(response.get(response.status === 407 ? 'proxy-authenticate' : 'www-authenticate') ?? '');
  return first;
}

/** The same call, one number further. @see RFC 3261 section 22.2 */
function sameCall(request: SrfMessage, method: string): SrfHeaders {
  const number = Number.parseInt(request.get('cseq') ?? '1', 10);
  return { 'call-id': request.get('call-id') ?? '', from: request.get('from') ?? '', CSeq: `${number + 1} ${method}` };
}
