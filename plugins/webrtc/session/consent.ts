/** How long a peer may be silent in each of its states, milliseconds. */
export interface ConsentLimits {
  /** From the answer to the first valid connectivity check. */
  readonly firstCheckMs: number;
  /** Between signs of life: valid checks and authentic media, since checks alone may be lost in a flood. @see RFC 7675 section 5.1 */
  readonly silentMs: number;
  /** From the first valid check to the end of the DTLS handshake. */
  readonly handshakeMs: number;
}

/** What a peer has done so far, by a monotonic clock. */
export interface ConsentFacts {
  readonly createdMs: number;
  readonly firstCheckMs: number | undefined;
  readonly lastHeardMs: number | undefined;
  readonly connected: boolean;
}

/** The documented reason why a peer must be given up now; undefined while all is well. */
export function consentFailure(facts: ConsentFacts, limits: ConsentLimits, nowMs: number): 'Failed by ICE timeout' | 'Failed by ICE keep alive' | 'Failed by DTLS error' | undefined {
  const { createdMs, firstCheckMs, lastHeardMs, connected } = facts;
  if (firstCheckMs === undefined || lastHeardMs === undefined) return nowMs - createdMs >= limits.firstCheckMs ? 'Failed by ICE timeout' : undefined;
  if (!connected && nowMs - firstCheckMs >= limits.handshakeMs) return 'Failed by DTLS error';
  return nowMs - lastHeardMs >= limits.silentMs ? 'Failed by ICE keep alive' : undefined;
}
