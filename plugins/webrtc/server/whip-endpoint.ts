import { createHash, randomUUID } from 'node:crypto';
import { parseStreamName, type AccessRequest, type PluginContext, type WebAnswer, type WebRequest } from 'wcs-core';
import { HttpProblem, problemOf } from '../wire/problem.ts';
import { formatSdpFragment, parseSdpFragment } from '../wire/sdp-fragment.ts';
import type { MediaSession } from './media-session.ts';
import type { OfferAnswerService, SessionOffer } from './offer-answer-service.ts';
import type { WebRtcSettings } from './settings.ts';

const SDP = 'application/sdp';
const SDP_FRAGMENT = 'application/trickle-ice-sdpfrag';
const METHODS = ['OPTIONS', 'POST', 'PATCH', 'DELETE'];
const KIND_WORDS: Readonly<Partial<Record<string, string>>> = { audio: 'sound', video: 'picture' };
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * One endpoint of signalling over HTTP: publishing below `/whip/`, playing below `/whep/`. A session's resource is the
 * endpoint's path, a slash and the session's id, which nobody can guess.
 *
 * @see RFC 9725, draft-ietf-wish-whep
 */
export class WhipEndpoint {
  readonly #ctx: PluginContext<WebRtcSettings>;
  readonly #service: OfferAnswerService;
  readonly #protocol: 'whip' | 'whep';

  constructor(ctx: PluginContext<WebRtcSettings>, service: OfferAnswerService, protocol: 'whip' | 'whep') {
    this.#ctx = ctx;
    this.#service = service;
    this.#protocol = protocol;
  }

  /** Takes the endpoint's place among the paths of the web server. */
  register(): void {
    this.#ctx.web.route({ prefix: `/${this.#protocol}/`, methods: METHODS, handle: (request) => this.#handle(request) });
  }

  async #handle(request: WebRequest): Promise<WebAnswer> {
    const answer = await this.#answer(request);
    return { ...answer, headers: { ...this.#corsHeaders(), ...answer.headers } };
  }

  async #answer(request: WebRequest): Promise<WebAnswer> {
    try {
      switch (request.method) {
        case 'OPTIONS':
          return { status: 204, headers: { ...this.#preflightHeaders(), ...this.#linkHeaders(), 'Accept-Post': SDP } };
        case 'POST':
          return await this.#open(request);
        case 'PATCH':
          return this.#patch(request);
        case 'DELETE':
          this.#sessionOf(request).close('Stopped by user');
          return { status: 200 };
        default:
          throw new HttpProblem(405, `${request.method} is not served here.`, { Allow: METHODS.join(', ') });
      }
    } catch (error) {
      const problem = problemOf(error);
      if (problem === undefined) throw error;
      return problem;
    }
  }

  async #open(request: WebRequest): Promise<WebAnswer> {
    requireType(request, SDP);
    const id = randomUUID();
    const action = this.#protocol === 'whip' ? 'publish' : 'play';
    const { name, params } = await this.#authorise(request, action, id);
    const { remoteAddress, remotePort, signal } = request;
    const session = await this.#service.open({
      id,
      sdp: request.body.toString('utf8'),
      direction: action,
      name,
      owner: ownerOf(request, name, id),
      listener: undefined,
      ...(action === 'play' ? wishOf(request) : {}),
      meta: { plugin: 'webrtc', protocol: this.#protocol, sessionId: id, peer: { address: remoteAddress, port: remotePort }, params },
    });
    if (signal.aborted) session.close('Stopped by session disconnect');
    const headers = { ...this.#linkHeaders(), ...this.#warningHeaders(session), 'Content-Type': SDP, Location: `${request.path.replace(/\/+$/, '')}/${id}`, ETag: etagOf(session), 'Accept-Patch': SDP_FRAGMENT };
    return { status: 201, headers, body: this.#service.answerText(session) };
  }

  /** Candidates need nothing done: a lite agent learns its peer from the checks. New credentials restart ICE. */
  #patch(request: WebRequest): WebAnswer {
    const session = this.#sessionOf(request);
    requireType(request, SDP_FRAGMENT);
    const expected = request.headers['if-match'];
    if (expected === undefined) throw new HttpProblem(428, 'If-Match is missing: it takes the ETag of the session, or * to restart ICE.');
    const { iceUfrag } = parseSdpFragment(request.body.toString('utf8'));
    const isRestart = expected === '*';
    if (!isRestart && expected !== etagOf(session)) throw new HttpProblem(412, 'The session has been restarted since; its ETag is another.');
    if (session.remoteUfrags.includes(iceUfrag)) return { status: 204, headers: isRestart ? { ETag: etagOf(session) } : {} };
    if (!isRestart) throw new HttpProblem(412, 'The candidates belong to other credentials than those of the session; * in If-Match restarts ICE.');
    session.restartIce(iceUfrag);
    const [first] = session.plan.answer.media.filter((media) => media.type === 'accepted');
    if (first === undefined) throw new HttpProblem(404, 'The session has no media.');
    const { ufrag, pwd, candidates } = session.transportOf(first).local;
    return { status: 200, headers: { 'Content-Type': SDP_FRAGMENT, ETag: etagOf(session) }, body: formatSdpFragment({ iceUfrag: ufrag, icePwd: pwd, candidates }) };
  }

  #sessionOf({ path }: WebRequest): MediaSession {
    const slash = path.lastIndexOf('/');
    const session = this.#service.find(path.slice(slash + 1));
    if (session === undefined || session.plan.meta.protocol !== this.#protocol) throw new HttpProblem(404, 'There is no such session; it may have ended.');
    return session;
  }

  async #authorise(request: WebRequest, action: 'publish' | 'play', sessionId: string): Promise<{ name: string; params: Readonly<Record<string, string>> }> {
    const streamName = nameOf(request.path.slice(this.#protocol.length + 2));
    const params = Object.fromEntries(request.query);
    const bearer = BEARER.exec(request.headers.authorization ?? '')?.[1];
    const userAgent = request.headers['user-agent'];
    const question: AccessRequest = {
      action,
      protocol: this.#protocol,
      streamName,
      params: bearer === undefined ? params : { token: bearer, ...params },
      ...(bearer === undefined ? {} : { credentials: { user: '', bearer } }),
      peer: { address: request.remoteAddress, port: request.remotePort },
      sessionId,
      ...(userAgent === undefined ? {} : { userAgent }),
    };
    const decision = await this.#ctx.access.authorise(question, request.signal);
    if (decision.allowed) return { name: decision.streamName ?? streamName, params: decision.params ?? params };
    if (bearer === undefined) throw new HttpProblem(401, decision.reason, { 'WWW-Authenticate': 'Bearer' });
    throw new HttpProblem(403, decision.reason);
  }

  #corsHeaders(): Record<string, string> {
    return { 'Access-Control-Allow-Origin': this.#ctx.settings.whip.allowOrigin, 'Access-Control-Expose-Headers': 'Location, ETag, Link, Warning, Accept-Patch, Retry-After' };
  }

  #preflightHeaders(): Record<string, string> {
    return { 'Access-Control-Allow-Methods': METHODS.join(', '), 'Access-Control-Allow-Headers': 'Authorization, Content-Type, If-Match', 'Access-Control-Max-Age': '86400' };
  }

  /** What the stream has and this viewer can't take, in words for the person who watches. @see RFC 7234 section 5.5 */
  #warningHeaders({ plan }: MediaSession): Record<string, string> {
    if (plan.direction === 'publish') return {};
    const taken = plan.answer.media.flatMap((media) => (media.type === 'accepted' ? media.codecs.map(({ codec }) => codec) : []));
    const missing = (this.#ctx.media.find(plan.name)?.tracks ?? []).filter(({ kind, codec }) => KIND_WORDS[kind] !== undefined && !taken.includes(codec));
    const sentences = missing.map(({ kind, codec }) => `This stream's ${KIND_WORDS[kind] ?? kind} is ${codec.toUpperCase()}, which WebRTC can't carry to this viewer.`);
    return sentences.length === 0 ? {} : { Warning: `299 - "${sentences.join(' ')} Enable the transcoder plugin."` };
  }

  #linkHeaders(): Record<string, readonly string[]> {
    const links = this.#ctx.settings.whip.iceServers.map(({ url, username, credential }) => {
      const user = username === undefined ? '' : `; username="${quoted(username)}"`;
      const secret = credential === undefined ? '' : `; credential="${quoted(credential)}"; credential-type="password"`;
      return `<${url}>; rel="ice-server"${user}${secret}`;
    });
    return links.length === 0 ? {} : { Link: links };
  }
}

/** The stream's name out of a path. @throws WcsError MEDIA_E_NAME_INVALID */
function nameOf(path: string): string {
  try {
    return parseStreamName(decodeURIComponent(path.replace(/\/+$/, '')));
  } catch (error) {
    if (error instanceof URIError) throw new HttpProblem(400, 'The path is not percent-encoded UTF-8.');
    throw error;
  }
}

function requireType({ headers }: WebRequest, type: string): void {
  const given = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (given !== type) throw new HttpProblem(415, `The body has to be ${type}.`, type === SDP ? { 'Accept-Post': SDP } : { 'Accept-Patch': SDP_FRAGMENT });
}

function etagOf({ plan, sdpVersion }: MediaSession): string {
  return `"${plan.originId}-${sdpVersion}"`;
}

/** Who shows the same secret for the same name from the same address may come back while its old session still looks alive; without a secret nobody may. */
function ownerOf({ remoteAddress, headers: { authorization }, query }: WebRequest, name: string, id: string): string {
  if (authorization === undefined && query.size === 0) return `whip:${id}`;
  const facts = JSON.stringify([remoteAddress, name, authorization ?? '', [...query].sort()]);
  return `whip:${createHash('sha256').update(facts).digest('base64url')}`;
}

/** What a viewer asks for in the query, whole numbers; anything else is no wish. */
function wishOf({ query }: WebRequest): Pick<SessionOffer, 'maxWidth' | 'maxHeight' | 'maxBitrateBps'> {
  const [maxWidth, maxHeight, maxBitrateBps] = ['maxWidth', 'maxHeight', 'maxBitrateBps'].map((name) => {
    const text = query.get(name) ?? '';
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
  });
  return { ...(maxWidth === undefined ? {} : { maxWidth }), ...(maxHeight === undefined ? {} : { maxHeight }), ...(maxBitrateBps === undefined ? {} : { maxBitrateBps }) };
}

function quoted(text: string): string {
  return text.replaceAll(/[\r\n]/g, '').replaceAll(/["\\]/g, '\\$&');
}
