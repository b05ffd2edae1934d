import { randomBytes } from 'node:crypto';
import { ProtocolError, WcsError } from 'wcs-core';
import { headerOf, type RtspHeaders, type RtspRequest } from '../wire/message.ts';
import { encodeResponse } from '../wire/message-writer.ts';
import { controlUrl, parseSdp, type SdpTrack } from '../wire/sdp-read.ts';
import { encodeSdp, type DescribedTrack } from '../wire/sdp-write.ts';
import { encodeSession } from '../wire/session-header.ts';
import type { NumberPair } from '../wire/transport.ts';
import { Authentication, type AuthSettings } from './authentication.ts';
import { rangeFrom, wantedPosition } from './file-position.ts';
import { playHeaders, type PlayStart } from './play-answer.ts';
import { comparable, parseTarget, type RequestTarget } from './request-target.ts';
import type { Effect, FoundStream, PendingRequest, Phase, Question, SessionState, SetTrack, Target, UrlParams } from './session-state.ts';
import { answerTransport, chooseTransport } from './transport-choice.ts';

/** What a session is made with. */
export interface RtspSessionOptions {
  readonly auth: AuthSettings;
  /** RTP over UDP is to be had on this connection. */
  readonly udp: boolean;
  readonly sessionTimeoutS: number;
  /** Address family of the connection. */
  readonly family: 4 | 6;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

const METHODS = 'OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, PAUSE, RECORD, TEARDOWN, GET_PARAMETER, SET_PARAMETER';
const SERVER = 'WCS Core';
const SESSION_ID_BYTES = 8;
const SDP_TYPE = 'application/sdp';

/**
 * One RTSP connection on the server's side: requests in, effects out. A request that has to wait is answered by the method
 * that its effect names; until then no further one may be given.
 *
 * @see RFC 2326 section 10 and appendix A.2
 */
export class RtspSession {
  readonly #options: RtspSessionOptions;
  readonly #authentication: Authentication;
  #phase: Phase;
  #sessionId: string | undefined;
  #target: Target | undefined;
  #tracks: readonly SetTrack[];
  #user: string | undefined;
  #userAgent: string | undefined;
  #pending: PendingRequest | undefined;

  constructor(options: RtspSessionOptions, state?: SessionState) {
    this.#options = options;
    this.#authentication = new Authentication(options.auth, options.nowMs(), state?.authentication);
    this.#phase = state?.phase ?? 'init';
    this.#sessionId = state?.sessionId;
    this.#target = state?.target;
    this.#tracks = state?.tracks ?? [];
    this.#user = state?.user;
    this.#userAgent = state?.userAgent;
    this.#pending = state?.pending;
  }

  exportState(): SessionState {
    return {
      phase: this.#phase,
      sessionId: this.#sessionId,
      target: this.#target,
      tracks: this.#tracks,
      user: this.#user,
      userAgent: this.#userAgent,
      pending: this.#pending,
      authentication: this.#authentication.exportState(),
    };
  }

  get phase(): Phase {
    return this.#phase;
  }

  get target(): Target | undefined {
    return this.#target;
  }

  /** Tracks that were set up. */
  get tracks(): readonly SetTrack[] {
    return this.#tracks;
  }

  get user(): string | undefined {
    return this.#user;
  }

  get userAgent(): string | undefined {
    return this.#userAgent;
  }

  /** The request that waits for an answer; a later version asks again. */
  get pending(): PendingRequest | undefined {
    return this.#pending;
  }

  /** Takes a request. Never throws for what a peer sent. */
  receive(request: RtspRequest): readonly Effect[] {
    const cseq = headerOf(request, 'CSeq');
    if (cseq === undefined || !/^\d{1,10}$/.test(cseq)) return [this.#response('', 400, [['Connection', 'close']]), { type: 'close', reason: 'A request without a CSeq' }];
    this.#userAgent ??= headerOf(request, 'User-Agent')?.slice(0, 200);
    if (request.version !== '1.0') return [this.#response(cseq, 505)];
    try {
      return this.#dispatch(request, cseq);
    } catch (error) {
      const isPeers = error instanceof ProtocolError || error instanceof WcsError;
      if (!isPeers) throw error;
      return [this.#response(cseq, error.code === 'MEDIA_E_NAME_INVALID' ? 404 : 400)];
    }
  }

  /** The access chain's word on the pending request. */
  decide(verdict: { readonly allowed: true; readonly name?: string; readonly params?: UrlParams } | { readonly allowed: false; readonly reason: string }): readonly Effect[] {
    const pending = this.#take('access');
    if (pending === undefined) return [];
    if (!verdict.allowed) return [this.#response(pending.cseq, 403)];
    const { question, announced } = pending.wait;
    const name = verdict.name ?? question.name;
    const params = verdict.params ?? question.params;
    if (announced !== undefined) {
      this.#target = { ...announced, name, params };
      return [this.#response(pending.cseq, 200), { type: 'changed' }];
    }
    this.#pending = { ...pending, wait: { type: 'stream', name, params } };
    return [{ type: 'find', name, params }];
  }

  /** The stream is there. */
  found(stream: FoundStream): readonly Effect[] {
    const pending = this.#take('stream');
    if (pending === undefined) return [];
    const { tracks, file } = stream;
    if (tracks.length === 0) return [this.#response(pending.cseq, 415)];
    const { name, params } = pending.wait;
    this.#target = { type: 'play', params, ...stream };
    if (pending.transport !== undefined) return [{ type: 'changed' }, ...this.#setupPlay(pending.uri, pending.cseq, pending.transport, this.#target)];
    const sdp = encodeSdp({ id: Date.now(), name, family: this.#options.family, ...(file === undefined ? {} : { range: rangeFrom(0, file) }) }, tracks);
    const base = pending.uri.replace(/\/?$/, '/');
    const headers: RtspHeaders = [['Content-Base', base], ['Content-Type', SDP_TYPE]];
    return [this.#response(pending.cseq, 200, headers, new TextEncoder().encode(sdp)), { type: 'changed' }];
  }

  notFound(status: 404 | 415 | 503): readonly Effect[] {
    const pending = this.#take('stream');
    return pending === undefined ? [] : [this.#response(pending.cseq, status)];
  }

  /** Ports for the track of the pending SETUP are open. */
  portOpened(server: NumberPair): readonly Effect[] {
    const pending = this.#take('port');
    return pending === undefined ? [] : this.#isSetUp(pending.cseq, pending.wait.track, pending.wait.profile, server);
  }

  portRefused(): readonly Effect[] {
    const pending = this.#take('port');
    return pending === undefined ? [] : [this.#response(pending.cseq, 453)];
  }

  /** The file of the pending PLAY stands at that position, seconds. */
  sought(startS: number): readonly Effect[] {
    const pending = this.#take('seek');
    if (pending === undefined) return [];
    this.#phase = 'playing';
    return [{ type: 'startPlay', cseq: pending.cseq, uri: pending.uri, startS }, { type: 'changed' }];
  }

  /** The file can't be read any more. */
  seekFailed(): readonly Effect[] {
    const pending = this.#take('seek');
    return pending === undefined ? [] : [this.#response(pending.cseq, 404)];
  }

  /** The answer to PLAY, with what is known of the first packets. */
  playStarted(cseq: string, uri: string, start: PlayStart): Uint8Array {
    const target = this.#target;
    return this.#encode(cseq, 200, target?.type === 'play' ? playHeaders(target, uri, start) : []);
  }

  /** The stream has ended, or changed, since it was described. */
  playFailed(cseq: string): readonly Effect[] {
    this.#phase = 'ready';
    return [this.#response(cseq, 404), { type: 'changed' }];
  }

  /** The stream that was played or published is gone: the session with it. */
  ended(reason: string): readonly Effect[] {
    this.#forget();
    return [{ type: 'close', reason }];
  }

  #dispatch(request: RtspRequest, cseq: string): readonly Effect[] {
    const { method } = request;
    if (method === 'OPTIONS') return [this.#response(cseq, 200, [['Public', METHODS]])];
    if (headerOf(request, 'Require') !== undefined) return [this.#response(cseq, 551, [['Unsupported', headerOf(request, 'Require') ?? '']])];
    const refusal = this.#refusalOfSession(request, cseq);
    if (refusal !== undefined) return refusal;
    switch (method) {
      case 'DESCRIBE':
      case 'ANNOUNCE':
      case 'SETUP':
        return this.#authenticated(request, cseq) ?? this.#begin(request, cseq);
      case 'PLAY':
        return this.#play(request, cseq);
      case 'PAUSE':
        return this.#pause(cseq);
      case 'RECORD':
        return this.#record(request, cseq);
      case 'TEARDOWN':
        return this.#teardown(cseq);
      case 'GET_PARAMETER':
        return [this.#response(cseq, 200)];
      case 'SET_PARAMETER':
        return [this.#response(cseq, request.body.length === 0 ? 200 : 451)];
      default:
        return [this.#response(cseq, 501, [['Public', METHODS]])];
    }
  }

  /** A request that names a session names this one. */
  #refusalOfSession(request: RtspRequest, cseq: string): readonly Effect[] | undefined {
    const named = headerOf(request, 'Session')?.split(';')[0]?.trim();
    const isWrong = named !== undefined && named !== this.#sessionId;
    const isMissing = this.#sessionId === undefined && (request.method === 'PLAY' || request.method === 'PAUSE' || request.method === 'RECORD' || request.method === 'TEARDOWN');
    return isWrong || isMissing ? [this.#response(cseq, 454)] : undefined;
  }

  /** Undefined once the peer has shown who it is, where anybody is asked. */
  #authenticated(request: RtspRequest, cseq: string): readonly Effect[] | undefined {
    if (!this.#authentication.isRequired || this.#user !== undefined) return undefined;
    const nowMs = this.#options.nowMs();
    const outcome = this.#authentication.check(request.method, headerOf(request, 'Authorization'), nowMs);
    if (outcome.type === 'known') {
      this.#user = outcome.user;
      return undefined;
    }
    if (this.#authentication.isExhausted) return [this.#response(cseq, 403), { type: 'close', reason: 'Too many wrong passwords' }];
    const challenges = this.#authentication.challenges(nowMs, outcome.type === 'stale').map((value): [string, string] => ['WWW-Authenticate', value]);
    const delayMs = outcome.type === 'wrong' ? this.#authentication.delayMs : 0;
    return [{ ...this.#response(cseq, 401, challenges), delayMs }];
  }

  #begin(request: RtspRequest, cseq: string): readonly Effect[] {
    if (request.method === 'ANNOUNCE') return this.#announce(request, cseq);
    if (request.method === 'DESCRIBE') {
      if (this.#phase !== 'init') return [this.#response(cseq, 455)];
      return this.#askToPlay(request, cseq, parseTarget(request.uri));
    }
    const transport = headerOf(request, 'Transport') ?? '';
    const target = this.#target;
    if (target?.type === 'publish') return this.#setupRecord(request.uri, cseq, transport, target);
    const wanted = parseTarget(request.uri);
    if (target === undefined) return this.#askToPlay(request, cseq, wanted, transport);
    return this.#setupPlay(request.uri, cseq, transport, target);
  }

  #askToPlay({ method, uri }: RtspRequest, cseq: string, { name, params }: RequestTarget, transport?: string): readonly Effect[] {
    const question: Question = { action: 'play', name, params, user: this.#user };
    this.#pending = { method, uri, cseq, wait: { type: 'access', question }, ...(transport === undefined ? {} : { transport }) };
    return [{ type: 'ask', question }];
  }

  #announce(request: RtspRequest, cseq: string): readonly Effect[] {
    if (this.#phase !== 'init') return [this.#response(cseq, 455)];
    const type = headerOf(request, 'Content-Type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== undefined && type !== SDP_TYPE) return [this.#response(cseq, 415)];
    const { name, params } = parseTarget(request.uri);
    const { control, tracks } = parseSdp(new TextDecoder().decode(request.body));
    if (tracks.length === 0) return [this.#response(cseq, 415)];
    const question: Question = { action: 'publish', name, params, user: this.#user };
    const announced = { type: 'publish', name, params, baseUrl: request.uri, control, tracks } as const;
    this.#pending = { method: request.method, uri: request.uri, cseq, wait: { type: 'access', question, announced } };
    return [{ type: 'ask', question }];
  }

  #setupPlay(uri: string, cseq: string, transport: string, target: Extract<Target, { type: 'play' }>): readonly Effect[] {
    const { track = target.tracks.length === 1 ? numberOf(target.tracks[0]) : undefined } = parseTarget(uri);
    const index = target.tracks.findIndex((described) => numberOf(described) === track);
    if (track === undefined) return [this.#response(cseq, 459)];
    return index < 0 ? [this.#response(cseq, 404)] : this.#setup(index, cseq, transport, 'play');
  }

  #setupRecord(uri: string, cseq: string, transport: string, target: Extract<Target, { type: 'publish' }>): readonly Effect[] {
    const index = target.tracks.findIndex(({ control }) => comparable(controlUrl(target.baseUrl, target.control, control)) === comparable(uri));
    const bySuffix = index >= 0 ? index : target.tracks.findIndex(({ control }) => control !== undefined && comparable(uri).endsWith(`/${control.toLowerCase()}`));
    // Whoever names tracks in a way of its own still takes them in order.
    const found = bySuffix >= 0 ? bySuffix : target.tracks.findIndex((_track: SdpTrack, at) => !this.#tracks.some((set) => set.index === at));
    return found < 0 ? [this.#response(cseq, 404)] : this.#setup(found, cseq, transport, 'record');
  }

  #setup(index: number, cseq: string, header: string, mode: 'play' | 'record'): readonly Effect[] {
    if (this.#phase !== 'init' && this.#phase !== 'ready') return [this.#response(cseq, 455)];
    const others = this.#tracks.filter((track) => track.index !== index);
    const taken = new Set(others.flatMap(({ path }) => (path.type === 'interleaved' ? path.channels : [])));
    const chosen = chooseTransport(header, { udp: this.#options.udp, mode, taken });
    // All tracks go one way: what is sent to readers over the connection is made once for all of their tracks.
    if (chosen === undefined || others.some(({ path }) => path.type !== chosen.path.type)) return [this.#response(cseq, 461)];
    const track: SetTrack = { index, path: chosen.path };
    if (chosen.path.type === 'interleaved') return this.#isSetUp(cseq, track, chosen.profile);
    this.#pending = { method: 'SETUP', uri: '', cseq, wait: { type: 'port', track, profile: chosen.profile } };
    return [{ type: 'openPort', track }];
  }

  #isSetUp(cseq: string, track: SetTrack, profile: string, server?: NumberPair): readonly Effect[] {
    this.#sessionId ??= randomBytes(SESSION_ID_BYTES).toString('hex');
    this.#phase = 'ready';
    this.#tracks = [...this.#tracks.filter(({ index }) => index !== track.index), track].sort((a, b) => a.index - b.index);
    const mode = this.#target?.type === 'publish' ? 'record' : 'play';
    const transport = answerTransport({ path: track.path, profile }, mode, server === undefined ? undefined : { server });
    return [this.#response(cseq, 200, [['Transport', transport]]), { type: 'changed' }];
  }

  #play(request: RtspRequest, cseq: string): readonly Effect[] {
    const { uri, method } = request;
    const target = this.#target;
    if (target?.type !== 'play' || this.#phase === 'init' || this.#phase === 'recording') return [this.#response(cseq, 455)];
    const wanted = target.file === undefined ? { startS: undefined } : wantedPosition(headerOf(request, 'Range'), target.file);
    if (wanted === 'invalid') return [this.#response(cseq, 457)];
    const { startS } = wanted;
    if (startS !== undefined) {
      this.#pending = { method, uri, cseq, wait: { type: 'seek', startS } };
      return [{ type: 'seek', startS }];
    }
    // Of a live stream there is nothing else to be had by playing it again.
    if (this.#phase === 'playing') return [{ type: 'send', bytes: this.playStarted(cseq, uri, { starts: [] }) }];
    const isFromStart = target.file !== undefined && this.#phase === 'ready';
    this.#phase = 'playing';
    return [{ type: 'startPlay', cseq, uri, ...(isFromStart ? { startS: 0 } : {}) }, { type: 'changed' }];
  }

  #pause(cseq: string): readonly Effect[] {
    if (this.#phase !== 'playing') return [this.#response(cseq, this.#phase === 'ready' || this.#phase === 'paused' ? 200 : 455)];
    this.#phase = this.#target?.type === 'play' && this.#target.file !== undefined ? 'paused' : 'ready';
    return [{ type: 'pausePlay' }, this.#response(cseq, 200), { type: 'changed' }];
  }

  #record(_request: RtspRequest, cseq: string): readonly Effect[] {
    if (this.#target?.type !== 'publish' || this.#phase !== 'ready') return [this.#response(cseq, 455)];
    this.#phase = 'recording';
    return [{ type: 'startRecord', cseq }, { type: 'changed' }];
  }

  /** The stream is published. */
  recordStarted(cseq: string): readonly Effect[] {
    return [this.#response(cseq, 200)];
  }

  /** The name is taken, for instance. */
  recordFailed(cseq: string, status: 403 | 409): readonly Effect[] {
    this.#phase = 'ready';
    return [this.#response(cseq, status), { type: 'changed' }];
  }

  #teardown(cseq: string): readonly Effect[] {
    const response = this.#response(cseq, 200);
    this.#forget();
    return [{ type: 'stop', reason: 'Stopped by publisher stop' }, response, { type: 'changed' }];
  }

  #forget(): void {
    this.#phase = 'init';
    this.#sessionId = this.#target = this.#pending = undefined;
    this.#tracks = [];
  }

  #take<T extends PendingRequest['wait']['type']>(type: T): (PendingRequest & { readonly wait: Extract<PendingRequest['wait'], { type: T }> }) | undefined {
    const pending = this.#pending;
    if (pending?.wait.type !== type) return undefined;
    this.#pending = undefined;
    return pending as PendingRequest & { readonly wait: Extract<PendingRequest['wait'], { type: T }> };
  }

  #response(cseq: string, status: number, headers: RtspHeaders = [], body?: Uint8Array): Extract<Effect, { type: 'send' }> {
    return { type: 'send', bytes: this.#encode(cseq, status, headers, body) };
  }

  #encode(cseq: string, status: number, headers: RtspHeaders, body?: Uint8Array): Uint8Array {
    const session: RtspHeaders = this.#sessionId === undefined ? [] : [['Session', encodeSession({ id: this.#sessionId, timeoutS: this.#options.sessionTimeoutS })]];
    const number: RtspHeaders = cseq === '' ? [] : [['CSeq', cseq]];
    return encodeResponse({ status, headers: [...number, ['Server', SERVER], ...session, ...headers], ...(body === undefined ? {} : { body }) });
  }
}

function numberOf(described: DescribedTrack | undefined): number | undefined {
  const number = described?.control.split('=')[1];
  return number === undefined ? undefined : Number(number);
}
