import { messageOf } from '../errors/wcs-error.ts';
import type { Log } from '../log/log.ts';
import { parseStreamName } from './stream-name.ts';

/** How long one authoriser may think. */
const AUTHORISER_TIMEOUT_MS = 5000;

/** What somebody wants to do, in words that every protocol shares. */
export interface AccessRequest {
  readonly action: 'connect' | 'publish' | 'play' | 'call' | 'message' | 'record' | 'data';
  /** e.g. `rtmp`, `webrtc`, `hls`. */
  readonly protocol: string;
  readonly streamName?: string;
  /** WCS application key or RTMP application name. */
  readonly app?: string;
  /** Parameters of the URL or of the connect message: `aclAuth`, `token`… */
  readonly params: Readonly<Record<string, string>>;
  readonly credentials?: { readonly user: string; readonly password?: string; readonly bearer?: string };
  readonly peer: { readonly address: string; readonly port: number };
  readonly sessionId: string;
  readonly userAgent?: string;
}

/** Yes, perhaps under another stream name or with other parameters; or no, and why. */
export type AccessDecision =
  | { readonly allowed: true; readonly streamName?: string; readonly params?: Readonly<Record<string, string>> }
  | { readonly allowed: false; readonly reason: string; readonly code?: string };

/** One voice in the chain; `undefined` means no opinion. */
export interface Authoriser {
  readonly name: string;
  /** Low ones are asked first; equal ones in the order of registration. */
  readonly order: number;
  authorise(request: AccessRequest, signal: AbortSignal): Promise<AccessDecision | undefined> | AccessDecision | undefined;
}

/** Options of `Access`. */
export interface AccessOptions {
  readonly log: Log;
  /** How long one authoriser may take before the request is refused. */
  readonly timeoutMs?: number;
}

/** The one gate of every protocol: a chain of authorisers of which the first refusal wins. */
export class Access {
  readonly #log: Log;
  readonly #timeoutMs: number;
  #chain: readonly Authoriser[] = [];

  constructor({ log, timeoutMs = AUTHORISER_TIMEOUT_MS }: AccessOptions) {
    this.#log = log;
    this.#timeoutMs = timeoutMs;
  }

  /** Adds a voice until the returned release is called. */
  use(authoriser: Authoriser): () => void {
    this.#chain = [...this.#chain, authoriser].sort((a, b) => a.order - b.order);
    return () => {
      this.#chain = this.#chain.filter((other) => other !== authoriser);
    };
  }

  /**
   * Asks every authoriser in order; each sees the stream name and parameters as those before it rewrote them.
   * Nobody objects: allowed. One that throws, takes too long or rewrites to an invalid name refuses. Never throws.
   */
  async authorise(request: AccessRequest, signal?: AbortSignal): Promise<AccessDecision> {
    let current = request;
    for (const authoriser of this.#chain) {
      const decision = await this.#ask(authoriser, current, signal);
      if (decision === undefined) continue;
      if (!decision.allowed) return decision;
      current = {
        ...current,
        ...(decision.streamName === undefined ? {} : { streamName: decision.streamName }),
        params: decision.params ?? current.params,
      };
    }
    return {
      allowed: true,
      ...(current.streamName === request.streamName || current.streamName === undefined ? {} : { streamName: current.streamName }),
      ...(current.params === request.params ? {} : { params: current.params }),
    };
  }

  async #ask(authoriser: Authoriser, request: AccessRequest, signal: AbortSignal | undefined): Promise<AccessDecision | undefined> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error(`No answer within ${this.#timeoutMs} ms`)), this.#timeoutMs);
    const either = signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal]);
    try {
      const decision = await Promise.race([this.#answer(authoriser, request, either), rejectOnAbort(either)]);
      if (decision?.allowed === true && decision.streamName !== undefined) parseStreamName(decision.streamName);
      return decision;
    } catch (error) {
      const { action, protocol, sessionId, streamName } = request;
      this.#log.warn('An authoriser failed; the request is refused.', { authoriser: authoriser.name, error, action, protocol, sessionId, streamName });
      return { allowed: false, reason: `Authoriser ${authoriser.name} failed: ${messageOf(error)}` };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Async, so that a synchronous throw becomes a rejection too. */
  async #answer(authoriser: Authoriser, request: AccessRequest, signal: AbortSignal): Promise<AccessDecision | undefined> {
    signal.throwIfAborted();
    return authoriser.authorise(request, signal);
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('Cancelled'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
