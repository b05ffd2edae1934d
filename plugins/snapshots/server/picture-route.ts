import { createHash, randomUUID } from 'node:crypto';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { WcsError, type PluginContext, type WebAnswer, type WebRequest } from 'wcs-core';
import { MEDIA_TYPES } from '../wire/picture.ts';
import { parsePicturePath, PICTURE_PREFIX } from '../wire/picture-path.ts';
import type { SnapshotsSettings } from './settings.ts';
import type { SnapshotService } from './snapshot-service.ts';

const METHODS = ['GET', 'HEAD'];
const WINDOW_S = 60;

/** The latest picture of each stream at an address that never changes. */
export class PictureRoute {
  readonly #ctx: PluginContext<SnapshotsSettings>;
  readonly #service: SnapshotService;
  readonly #requests: RateLimiterMemory;

  constructor(ctx: PluginContext<SnapshotsSettings>, service: SnapshotService) {
    this.#ctx = ctx;
    this.#service = service;
    this.#requests = new RateLimiterMemory({ points: ctx.settings.requestsPerMinute, duration: WINDOW_S, keyPrefix: '' });
  }

  /** Takes its place among the paths of the web server. */
  register(): void {
    this.#ctx.web.route({ prefix: PICTURE_PREFIX, methods: METHODS, handle: (request) => this.#answer(request) });
    this.#ctx.scope.add('counts of requests', async () => {
      for (const { key } of this.#requests.dump().storage) await this.#requests.delete(key);
    });
  }

  async #answer(request: WebRequest): Promise<WebAnswer> {
    const { streamName: asked, wish } = parsePicturePath(request.path, request.query);
    const streamName = await this.#authorise(request, asked);
    // Only names that exist are counted, so that guesses leave nothing behind.
    if (this.#ctx.media.find(streamName) === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `No stream ${streamName}.`);
    const waitS = await this.#waitS(`${request.remoteAddress} ${streamName}`);
    if (waitS > 0) return tooMany(waitS);
    const picture = await this.#service.take(streamName, wish);
    const etag = `"${createHash('sha256').update(picture).digest('base64url')}"`;
    const maxAgeS = Math.floor(this.#ctx.settings.minIntervalMs / 1000);
    const headers = { ETag: etag, 'Cache-Control': maxAgeS > 0 ? `private, max-age=${maxAgeS}` : 'private, no-cache', 'X-Content-Type-Options': 'nosniff' };
    if (matches(request.headers['if-none-match'], etag)) return { status: 304, headers };
    return { status: 200, headers: { ...headers, 'Content-Type': MEDIA_TYPES[wish.format] }, body: picture };
  }

  /** The name of the stream that the caller may see. @throws WcsError ACCESS_E_REFUSED */
  async #authorise({ query, headers, remoteAddress, remotePort, signal }: WebRequest, streamName: string): Promise<string> {
    const userAgent = headers['user-agent'];
    const question = {
      action: 'play' as const,
      protocol: 'snapshot',
      streamName,
      params: Object.fromEntries(query),
      peer: { address: remoteAddress, port: remotePort },
      sessionId: randomUUID(),
      ...(userAgent === undefined ? {} : { userAgent }),
    };
    const decision = await this.#ctx.access.authorise(question, signal);
    if (!decision.allowed) throw new WcsError('ACCESS_E_REFUSED', decision.reason);
    return decision.streamName ?? streamName;
  }

  /** Seconds after which a key may ask again; 0 when it may now. */
  async #waitS(key: string): Promise<number> {
    try {
      await this.#requests.consume(key);
      return 0;
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
    }
  }
}

function tooMany(waitS: number): WebAnswer {
  const error = { code: 'ACCESS_E_ATTEMPTS', message: `Too many pictures of this stream for one address; try again in ${waitS} s.` };
  return { status: 429, headers: { 'Retry-After': String(waitS), 'Content-Type': 'application/json; charset=utf-8' }, body: JSON.stringify({ error }) };
}

/** @see RFC 9110 section 13.1.2 */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === etag);
}
