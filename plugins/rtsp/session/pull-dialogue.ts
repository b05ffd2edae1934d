import { ProtocolError } from 'wcs-core';
import type { Credentials } from '../wire/basic-auth.ts';
import { encodeRequest, encodeResponse } from '../wire/message-writer.ts';
import { allHeadersOf, cseqOf, headerOf, methodsOf, type RtspHeaders, type RtspRequest, type RtspResponse } from '../wire/message.ts';
import { encodeRange } from '../wire/range.ts';
import { controlUrl, parseSdp, type SdpDescription, type SdpTrack } from '../wire/sdp-read.ts';
import { parseSession } from '../wire/session-header.ts';
import { reasonOf } from '../wire/status.ts';
import { encodeTransport, parseTransport, type NumberPair } from '../wire/transport.ts';
import { ClientAuthorisation } from './client-authorisation.ts';
import type { PullFailureCause } from './pull-failure.ts';
import type { PendingRequest, PullDialogueState, PullEffect, PullPath, PullTrack, PullTransport } from './pull-state.ts';

const USER_AGENT = 'WCS Core';
/** A request that is refused for its credentials is made anew so often. */
const CHALLENGES_MAX = 2;
/** Answers that belong to no request, before the server is given up. */
const STRAY_ANSWERS_MAX = 16;
/** Methods that a server may ask of us; it gets an answer that commits to nothing. */
const HARMLESS_METHODS = new Set(['OPTIONS', 'GET_PARAMETER', 'SET_PARAMETER']);

/** What a dialogue is begun with. */
export interface PullDialogueOptions {
  /** Address without credentials. */
  readonly requestUri: string;
  readonly credentials: Credentials | undefined;
  readonly transport: PullTransport;
}

/**
 * The conversation of one connection that pulls a stream: messages in, effects out. OPTIONS, DESCRIBE, SETUP for the first
 * picture and the first sound, PLAY, then signs of life.
 *
 * @see RFC 2326 section 10 and appendix A.1
 */
export class PullDialogue {
  readonly #options: PullDialogueOptions;
  readonly #authorisation: ClientAuthorisation;
  #state: Omit<PullDialogueState, 'authorisation'>;

  constructor(options: PullDialogueOptions, state?: PullDialogueState) {
    const { requestUri, credentials, transport } = options;
    this.#options = options;
    this.#authorisation = new ClientAuthorisation(credentials, state?.authorisation);
    this.#state = state ?? {
      step: 'OPTIONS', transport, cseq: 0, pending: undefined, methods: undefined, session: undefined,
      aggregateUrl: requestUri, tracks: [], clientPorts: [], strayAnswers: 0, switched: false,
    };
  }

  exportState(): PullDialogueState {
    return { ...this.#state, authorisation: this.#authorisation.exportState() };
  }

  get step(): PullDialogueState['step'] {
    return this.#state.step;
  }

  get transport(): PullTransport {
    return this.#state.transport;
  }

  /** Those that are set up. */
  get tracks(): readonly PullTrack[] {
    return this.#state.tracks.filter(({ path }) => path !== undefined);
  }

  /** True while an answer is due. */
  get isWaiting(): boolean {
    return this.#state.pending !== undefined;
  }

  /** How long the session lives without a sign of life; undefined before there is one. */
  get sessionTimeoutS(): number | undefined {
    return this.#state.session?.timeoutS;
  }

  begin(): PullEffect[] {
    return this.#request('OPTIONS', this.#options.requestUri);
  }

  /** A sign of life, by a method that the server knows. */
  keepAlive(): PullEffect[] {
    const { step, pending, methods, aggregateUrl } = this.#state;
    if (step !== 'playing' || pending !== undefined) return [];
    return this.#request(methods?.includes('GET_PARAMETER') === true ? 'GET_PARAMETER' : 'OPTIONS', aggregateUrl);
  }

  /** A sign of life has not been answered in time: the next one may be made. */
  giveUpAnswer(): void {
    this.#set({ pending: undefined });
  }

  /** The farewell; no answer is waited for. */
  teardown(): PullEffect[] {
    const { session, step } = this.#state;
    if (session === undefined || step === 'over') return [];
    const effects = this.#request('TEARDOWN', this.#state.aggregateUrl);
    this.#set({ step: 'over', pending: undefined });
    return effects;
  }

  /** The pairs of ports that `openPorts` asked for. */
  portsOpened(clientPorts: readonly NumberPair[]): PullEffect[] {
    if (this.#state.step !== 'ports') return [];
    this.#set({ clientPorts });
    return this.#setUpNext();
  }

  /** A request of the server: cameras ask for signs of life, too. */
  request(request: RtspRequest): PullEffect[] {
    const cseq = headerOf(request, 'CSeq');
    const headers: RtspHeaders = cseq === undefined ? [] : [['CSeq', cseq]];
    const status = HARMLESS_METHODS.has(request.method) ? 200 : 501;
    return [{ type: 'send', bytes: encodeResponse({ status, headers }), isRequest: false }];
  }

  response(response: RtspResponse): PullEffect[] {
    const { pending, step } = this.#state;
    if (step === 'over' || (response.status >= 100 && response.status < 200)) return [];
    const cseq = cseqOf(response);
    // An answer without a number can only be meant for the one request that waits.
    if (pending === undefined || (cseq !== undefined && cseq !== pending.cseq)) return this.#stray();
    this.#set({ pending: undefined });
    if (response.status === 401) return this.#challenged(response, pending);
    if (response.status >= 300 && response.status < 400 && step !== 'playing') return this.#redirected(response);
    switch (step) {
      case 'OPTIONS':
        return this.#optionsAnswered(response);
      case 'DESCRIBE':
        return this.#described(response);
      case 'SETUP':
        return this.#setUp(response);
      case 'PLAY':
        return this.#played(response);
      case 'playing':
        return this.#stillAlive(response, pending);
      case 'ports':
        return [];
    }
  }

  #stray(): PullEffect[] {
    const strayAnswers = this.#state.strayAnswers + 1;
    this.#set({ strayAnswers });
    return strayAnswers > STRAY_ANSWERS_MAX ? this.#fail('malformed', 'too many answers that nobody asked for') : [];
  }

  #challenged(response: RtspResponse, { method, uri, challenges }: PendingRequest): PullEffect[] {
    const isWorthwhile = this.#authorisation.challenged(allHeadersOf(response, 'WWW-Authenticate'));
    if (!isWorthwhile || challenges >= CHALLENGES_MAX) return this.#fail('unauthorised', `${method} was refused: the server wants other credentials`);
    return this.#request(method, uri, challenges + 1);
  }

  #redirected(response: RtspResponse): PullEffect[] {
    const location = headerOf(response, 'Location');
    if (location === undefined) return this.#fail('refused', `${response.status} without a Location`);
    this.#set({ step: 'over' });
    return [{ type: 'redirect', location }];
  }

  /** A server that doesn't know OPTIONS is asked all the same. */
  #optionsAnswered(response: RtspResponse): PullEffect[] {
    const listed = headerOf(response, 'Public') ?? headerOf(response, 'Allow');
    this.#set({ step: 'DESCRIBE', ...(listed === undefined ? {} : { methods: [...methodsOf(listed)] }) });
    return this.#request('DESCRIBE', this.#options.requestUri);
  }

  #described(response: RtspResponse): PullEffect[] {
    if (!isSuccess(response)) return this.#fail(response.status === 404 || response.status === 410 ? 'notFound' : 'refused', `DESCRIBE: ${answerOf(response)}`);
    const description = read(response);
    if (typeof description === 'string') return this.#fail('format', description);
    const tracks = chosen(description.tracks);
    if (tracks.length === 0) return this.#fail('format', `no track that can be carried: ${description.leftOut.join(', ')}`);
    const base = baseOf(response) ?? this.#options.requestUri;
    this.#set({
      aggregateUrl: controlUrl(base, description.control, undefined),
      tracks: tracks.map((track) => ({ track, url: controlUrl(base, description.control, track.control), path: undefined })),
    });
    return this.#beginSetUp();
  }

  #beginSetUp(): PullEffect[] {
    const { transport, tracks } = this.#state;
    if (transport === 'tcp') return this.#setUpNext();
    this.#set({ step: 'ports' });
    return [{ type: 'openPorts', count: tracks.length }];
  }

  #setUpNext(): PullEffect[] {
    const { tracks, aggregateUrl } = this.#state;
    const next = tracks.find(({ path }) => path === undefined);
    this.#set({ step: next === undefined ? 'PLAY' : 'SETUP' });
    return next === undefined ? this.#request('PLAY', aggregateUrl) : this.#request('SETUP', next.url);
  }

  #setUp(response: RtspResponse): PullEffect[] {
    const { tracks, transport, switched } = this.#state;
    const index = tracks.findIndex(({ path }) => path === undefined);
    const isFirst = this.tracks.length === 0;
    if (!isSuccess(response)) {
      if (response.status === 461 && isFirst && !switched) return this.#switchTransport();
      const rest = tracks.filter((_, place) => place !== index);
      if (rest.length === 0) return this.#fail(response.status === 404 ? 'notFound' : 'refused', `SETUP: ${answerOf(response)}`);
      // Sound that can't be had must not cost the picture.
      this.#set({ tracks: rest });
      return this.#setUpNext();
    }
    const path = this.#pathOf(headerOf(response, 'Transport'), index);
    if (path === undefined) return this.#fail('refused', `SETUP: a transport that was not asked for (${transport})`);
    const session = parseSession(headerOf(response, 'Session') ?? '') ?? this.#state.session;
    this.#set({ session, tracks: tracks.map((track, place) => (place === index ? { ...track, path } : track)) });
    return this.#setUpNext();
  }

  #switchTransport(): PullEffect[] {
    this.#set({ transport: this.#state.transport === 'tcp' ? 'udp' : 'tcp', switched: true });
    return this.#beginSetUp();
  }

  /** What the server says where it says it; what was asked for otherwise. */
  #pathOf(header: string | undefined, index: number): PullPath | undefined {
    const { transport } = this.#state;
    const [answer] = header === undefined ? [] : parseTransport(header);
    if (transport === 'tcp') {
      if (answer !== undefined && answer.lower !== 'tcp') return undefined;
      return { type: 'interleaved', channels: answer?.interleaved ?? channelsOf(index) };
    }
    const clientPorts = this.#state.clientPorts[index];
    if (answer?.lower === 'tcp' || answer?.cast === 'multicast' || clientPorts === undefined) return undefined;
    return { type: 'udp', clientPorts, serverPorts: answer?.serverPort, source: answer?.source };
  }

  #played(response: RtspResponse): PullEffect[] {
    if (!isSuccess(response)) return this.#fail(response.status === 404 ? 'notFound' : 'refused', `PLAY: ${answerOf(response)}`);
    this.#set({ step: 'playing', session: parseSession(headerOf(response, 'Session') ?? '') ?? this.#state.session });
    return [{ type: 'playing', tracks: this.tracks }];
  }

  #stillAlive(response: RtspResponse, { method }: PendingRequest): PullEffect[] {
    if (response.status === 454) return this.#fail('ended', 'the server has forgotten the session');
    // Some servers list it and do not know it.
    if (!isSuccess(response) && method === 'GET_PARAMETER') this.#set({ methods: this.#state.methods?.filter((name) => name !== method) });
    return [];
  }

  #request(method: string, uri: string, challenges = 0): PullEffect[] {
    const cseq = this.#state.cseq + 1;
    this.#set({ cseq, pending: { method, uri, cseq, challenges } });
    const authorization = this.#authorisation.header(method, uri);
    const headers: [string, string][] = [['CSeq', String(cseq)], ['User-Agent', USER_AGENT], ...this.#headersOf(method)];
    if (authorization !== undefined) headers.push(['Authorization', authorization]);
    return [{ type: 'send', bytes: encodeRequest({ method, uri, headers }), isRequest: true }];
  }

  #headersOf(method: string): [string, string][] {
    const { session } = this.#state;
    const own: [string, string][] = session === undefined ? [] : [['Session', session.id]];
    if (method === 'DESCRIBE') return [['Accept', 'application/sdp'], ...own];
    if (method === 'PLAY') return [['Range', encodeRange({ startS: 0 })], ...own];
    return method === 'SETUP' ? [['Transport', this.#wantedTransport()], ...own] : own;
  }

  #wantedTransport(): string {
    const { transport, tracks, clientPorts } = this.#state;
    const index = tracks.findIndex(({ path }) => path === undefined);
    const common = { profile: 'RTP/AVP', cast: 'unicast', mode: 'play' } as const;
    if (transport === 'tcp') return encodeTransport({ ...common, lower: 'tcp', interleaved: channelsOf(index) });
    return encodeTransport({ ...common, lower: 'udp', clientPort: clientPorts[index] ?? [0, 1] });
  }

  #fail(cause: PullFailureCause, detail: string): PullEffect[] {
    this.#set({ step: 'over', pending: undefined });
    return [{ type: 'failed', failure: { cause, detail } }];
  }

  #set(change: Partial<PullDialogueState>): void {
    this.#state = { ...this.#state, ...change };
  }
}

function isSuccess({ status }: RtspResponse): boolean {
  return status >= 200 && status < 300;
}

/** In our own words: the phrase of a server may hold anything. */
function answerOf({ status }: RtspResponse): string {
  return `${status} ${reasonOf(status)}`;
}

/** The description, or what is wrong with it. */
function read({ body }: RtspResponse): SdpDescription | string {
  try {
    return parseSdp(new TextDecoder().decode(body));
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

/** The address that relative ones are relative to, where the server names one that is whole. @see RFC 2326 appendix C.1.1 */
function baseOf(response: RtspResponse): string | undefined {
  const named = headerOf(response, 'Content-Base') ?? headerOf(response, 'Content-Location');
  return named !== undefined && /^rtsps?:\/\//i.test(named) ? named : undefined;
}

/** The first picture and the first sound, in the order of the description. */
function chosen(tracks: readonly SdpTrack[]): SdpTrack[] {
  return tracks.filter((track) => tracks.find(({ kind }) => kind === track.kind) === track);
}

function channelsOf(index: number): NumberPair {
  return [2 * index, 2 * index + 1];
}
