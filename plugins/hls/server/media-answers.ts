import type { Counter, HttpExchange } from 'wcs-core';
import type { PlaylistBody } from '../session/playlist-versions.ts';
import type { Waiter } from '../session/waiters.ts';
import { variantOf } from '../session/variant.ts';
import type { HlsQuery } from '../wire/directives.ts';
import { writeMultivariantPlaylist } from '../wire/multivariant-playlist.ts';
import type { MediaFile } from '../wire/request-path.ts';
import { reply } from '../wire/request.ts';
import type { ClassicServer } from './classic-server.ts';
import type { ServedPackager } from './packager-directory.ts';
import { byteLength, CONTENT_TYPES, sendReply, sendResource, setResourceHeaders, type Resource } from './respond.ts';
import type { Viewer } from './viewers.ts';

/** A request of an admitted viewer. */
export interface Asked {
  readonly exchange: HttpExchange;
  readonly query: HlsQuery;
  readonly viewer: Viewer;
  /** Monotonic time of arrival. */
  readonly startedMs: number;
}

/** One entry of a multivariant playlist. */
export interface OfferedVariant {
  readonly packager: ServedPackager;
  /** Relative to the playlist. */
  readonly uri: string;
}

/** Totals of all viewers. */
export interface AnswerCounters {
  readonly requests: Counter;
  readonly bytes: Counter;
  readonly took: { observe(durationMs: number): void };
}

/** Parts, segments and init segments never change under their name. */
const MEDIA_MAX_AGE_S = 3600;
/** Target durations for which the answer to a directive may be cached: it is final for its URL. */
const DIRECTIVE_CACHE_TARGETS = 6;
/** Target durations that a request may be held. @see RFC 8216bis section 6.2.5.2 */
const HOLD_TARGETS = 3;

/** Answers for playlists and media: at once, or when the presentation has come far enough. */
export class MediaAnswers {
  readonly #classic: ClassicServer;
  readonly #counters: AnswerCounters;
  readonly #startTimeoutMs: () => number;

  constructor(classic: ClassicServer, counters: AnswerCounters, startTimeoutMs: () => number) {
    this.#classic = classic;
    this.#counters = counters;
    this.#startTimeoutMs = startTimeoutMs;
  }

  /** A media playlist, held while it would be empty or until what the directives ask for is listed. */
  playlist(asked: Asked, packager: ServedPackager): void {
    const { presentation } = packager;
    presentation.endSegmentEarly();
    // A list that offers no blocking reload is asked for none. @see RFC 8216bis section 6.2.5
    const block = packager.container === 'fmp4' ? asked.query.directives.block : undefined;
    const progress = (): ReturnType<typeof presentation.progressTo> => {
      if (!presentation.isReady) return presentation.ended ? 'reached' : 'ahead';
      return block === undefined ? 'reached' : presentation.progressTo(block);
    };
    if (progress() === 'tooFarAhead') return this.#refuse(asked, 400, 'The segment asked for is too far ahead.');
    this.#whenDue(asked, packager, () => progress() !== 'ahead', () => this.#sendPlaylist(asked, packager));
  }

  /** The multivariant playlist, held until each variant has media to tell its bandwidth from. */
  multivariant(asked: Asked, variants: readonly OfferedVariant[]): void {
    const [first] = variants;
    const waiting = variants.find(({ packager: { presentation } }) => !presentation.isReady && !presentation.ended);
    for (const { packager } of variants) {
      packager.lastAskedMs = asked.startedMs;
      packager.presentation.endSegmentEarly();
    }
    const held = waiting ?? first;
    if (held === undefined) return;
    const { presentation } = held.packager;
    const isDue = (): boolean => presentation.isReady || presentation.ended;
    this.#whenDue(asked, held.packager, isDue, () => {
      // One after the other: each has its own line of held requests.
      if (variants.some((variant) => !variant.packager.presentation.isReady && !variant.packager.presentation.ended)) return this.multivariant(asked, variants);
      this.#sendMultivariant(asked, variants.filter((variant) => variant.packager.presentation.isReady));
    });
  }

  #sendMultivariant(asked: Asked, ready: readonly OfferedVariant[]): void {
    if (ready.length === 0) return this.#refuse(asked, 404, 'The stream has no media.');
    const listed = ready.map(({ packager, uri }) => variantOf(packager.presentation, `${uri}${asked.query.suffix}`));
    // There is no list of variants for sound alone.
    const hasPicture = ready.some(({ packager }) => packager.presentation.tracks.some(({ kind }) => kind === 'video'));
    if (hasPicture && listed.some(({ width }) => width === undefined)) return this.#refuse(asked, 503, 'The size of the picture is not known yet.');
    this.#send(asked, { contentType: CONTENT_TYPES.m3u8, cacheControl: cacheFor(asked, 1), pieces: [Buffer.from(writeMultivariantPlaylist(listed))] }, false);
  }

  /** An init segment, a segment or a part; the part that is announced is held until it is whole. */
  file(asked: Asked, packager: ServedPackager, file: MediaFile): void {
    packager.lastAskedMs = asked.startedMs;
    const { presentation } = packager;
    this.#whenDue(
      asked,
      packager,
      () => presentation.file(file) !== 'ahead',
      () => {
        const pieces = presentation.file(file);
        if (pieces === undefined || pieces === 'ahead') return this.#refuse(asked, 404, 'There is no such resource.');
        const type = file.type === 'init' ? 'mp4' : file.type === 'part' ? 'm4s' : file.extension;
        const resource = { contentType: CONTENT_TYPES[type], cacheControl: cacheFor(asked, MEDIA_MAX_AGE_S), pieces };
        if (type === 'ts' && isPlainGet(asked.exchange)) this.#sendClassic(asked, { ...resource, headers: { 'Accept-Ranges': 'bytes' } });
        else this.#send(asked, resource, true);
      },
    );
  }

  #sendPlaylist(asked: Asked, packager: ServedPackager): void {
    const { presentation } = packager;
    if (!presentation.isReady) return this.#refuse(asked, 404, 'The stream has no media.');
    const { directives, suffix } = asked.query;
    const delta = directives.skip && packager.container === 'fmp4' && !presentation.ended;
    const gzip = /\bgzip\b/.test(asked.exchange.request.headers['accept-encoding'] ?? '');
    const body: PlaylistBody = presentation.versions.body({ delta, gzip, uriSuffix: suffix });
    const { targetDurationS } = presentation.timing;
    const isFinal = directives.block !== undefined && packager.container === 'fmp4';
    const resource: Resource = {
      contentType: CONTENT_TYPES.m3u8,
      cacheControl: cacheFor(asked, isFinal ? DIRECTIVE_CACHE_TARGETS * targetDurationS : Math.max(1, Math.floor(targetDurationS / 2))),
      pieces: [body.data],
      headers: { Vary: 'Accept-Encoding', ...(body.gzip ? { 'Content-Encoding': 'gzip' } : {}) },
    };
    if (packager.container === 'ts' && asked.exchange.request.method === 'GET') this.#sendClassic(asked, resource);
    else this.#send(asked, resource, false);
  }

  /** Answers now, or holds the request until a change makes it due. */
  #whenDue(asked: Asked, packager: ServedPackager, isDue: () => boolean, answer: () => void): void {
    packager.lastAskedMs = asked.startedMs;
    if (isDue()) return answer();
    const { exchange } = asked;
    const { waiters, presentation } = packager;
    const waiter: Waiter = {
      isDue,
      answer: () => {
        packager.lastAskedMs = performance.now();
        answer();
      },
      giveUp: (reason) => (reason === 'ended' ? this.#refuse(asked, 404, 'The stream is over.') : this.#refuse(asked, 503, 'The stream does not go on.')),
      handOn: () => void exchange.redispatch(),
    };
    const holdMs = presentation.isReady ? HOLD_TARGETS * presentation.timing.targetDurationS * 1000 : this.#startTimeoutMs();
    if (!waiters.add(waiter, asked.startedMs + holdMs)) return this.#refuse(asked, 503, 'Too many requests are held.');
    exchange.signal.addEventListener('abort', () => waiters.remove(waiter), { once: true });
  }

  #refuse(asked: Asked, status: number, sentence: string): void {
    if (asked.exchange.over) return;
    sendReply(asked.exchange, reply(status, sentence));
    this.#count(asked, status, 0);
  }

  #send(asked: Asked, resource: Resource, ranges: boolean): void {
    if (asked.exchange.over) return;
    const bytes = sendResource(asked.exchange, resource, ranges);
    this.#count(asked, asked.exchange.response.statusCode, bytes);
  }

  #sendClassic(asked: Asked, resource: Resource): void {
    const { exchange } = asked;
    if (exchange.over) return;
    const bytes = byteLength(resource.pieces);
    setResourceHeaders(exchange, resource);
    exchange.response.setHeader('Content-Length', String(bytes));
    this.#classic.send(exchange, resource.pieces);
    this.#count(asked, 200, bytes);
  }

  #count({ viewer, startedMs }: Asked, status: number, bytes: number): void {
    const tookMs = performance.now() - startedMs;
    viewer.metrics.answered(status, bytes, tookMs);
    this.#counters.requests.inc(1, { status: String(status) });
    this.#counters.bytes.inc(bytes);
    this.#counters.took.observe(tookMs);
  }
}

function isPlainGet({ request }: HttpExchange): boolean {
  return request.method === 'GET' && request.headers.range === undefined;
}

/** What is given for a viewer's own parameters is no business of a shared cache. */
function cacheFor({ query }: Asked, maxAgeS: number): string {
  return query.suffix === '' ? `max-age=${maxAgeS}` : `private, max-age=${maxAgeS}`;
}
