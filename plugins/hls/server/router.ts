import { WcsError, type HttpExchange } from 'wcs-core';
import type { HlsSettings } from '../settings.ts';
import type { HlsResource } from '../wire/request-path.ts';
import { readRequest, reply, type Reply, type StreamRequest } from '../wire/request.ts';
import type { Asked, MediaAnswers } from './media-answers.ts';
import type { PackagerDirectory, ServedPackager } from './packager-directory.ts';
import { sendPreflight, sendReply, setCorsHeaders } from './respond.ts';
import type { Viewers } from './viewers.ts';

/** What the router works with. */
export interface RouterParts {
  readonly settings: () => HlsSettings;
  readonly viewers: Viewers;
  readonly packagers: PackagerDirectory;
  readonly answers: MediaAnswers;
  /** True once a newer generation of the plugin serves: what has no answer yet is its business. */
  readonly isSuperseded: () => boolean;
}

/** What is to be sent, or nothing when somebody has answered or will. */
type Outcome = Promise<Reply | undefined>;

/** Finds out what a request wants, whether it may have it, and who answers. */
export class Router {
  readonly #parts: RouterParts;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  /** Serves one request; rejects only for a fault of ours. */
  async serve(exchange: HttpExchange): Promise<void> {
    const { request } = exchange;
    setCorsHeaders(exchange, this.#parts.settings().corsOrigin);
    if (request.method === 'OPTIONS') {
      sendPreflight(exchange);
      return;
    }
    const wanted = readRequest(request.method, request.url ?? '');
    const outcome = wanted.type === 'reply' ? wanted : await this.#serveStream(exchange, wanted);
    if (outcome !== undefined && !this.#isElsewhere(exchange)) sendReply(exchange, outcome);
  }

  async #serveStream(exchange: HttpExchange, { resource, query }: StreamRequest): Outcome {
    const startedMs = performance.now();
    const { params, suffix } = query;
    const known = this.#parts.viewers.admit({ request: exchange.request, name: resource.name, params, suffix });
    const admission = known instanceof Promise ? await known : { allowed: true as const, viewer: known };
    if (this.#isElsewhere(exchange)) return undefined;
    if (!admission.allowed) return reply(admission.status, admission.reason);
    const asked: Asked = { exchange, query, viewer: admission.viewer, startedMs };
    return resource.type === 'file' ? this.#serveFile(asked, resource) : this.#servePlaylist(asked, resource);
  }

  async #serveFile(asked: Asked, { file }: Extract<HlsResource, { type: 'file' }>): Outcome {
    const container = file.type === 'segment' && file.extension === 'ts' ? 'ts' : 'fmp4';
    const { streamName } = asked.viewer;
    const arrival = this.#parts.packagers.arrival(streamName, container);
    if (arrival !== undefined) await arrival;
    if (this.#isElsewhere(asked.exchange)) return undefined;
    const packager = this.#parts.packagers.find(streamName, container);
    if (packager === undefined) return reply(404, 'There is no such resource.');
    this.#parts.answers.file(asked, packager, file);
    return undefined;
  }

  async #servePlaylist(asked: Asked, resource: Extract<HlsResource, { type: 'playlist' | 'multivariant' }>): Outcome {
    const { viewer, query } = asked;
    if (resource.type === 'multivariant' && this.#parts.settings().abr.length > 0) return this.#serveLadder(asked, resource.name);
    const container = (resource.type === 'playlist' ? resource.container : undefined) ?? this.#parts.settings().container;
    let packager: ServedPackager;
    try {
      packager = await this.#parts.packagers.obtain(viewer.streamName, container, { params: query.params, caller: viewer.session.entry.peer?.address });
    } catch (error) {
      return refusalOf(error);
    }
    if (this.#isElsewhere(asked.exchange)) return undefined;
    if (resource.type === 'playlist') this.#parts.answers.playlist(asked, packager);
    else this.#parts.answers.multivariant(asked, [{ packager, uri: `${encodeURIComponent(resource.name)}.m3u8` }]);
    return undefined;
  }

  /** The variants that can be had; a size that is greater than the picture's is none. */
  async #serveLadder(asked: Asked, name: string): Outcome {
    const { settings, packagers } = this.#parts;
    const { abr, container } = settings();
    const { params } = asked.query;
    const caller = asked.viewer.session.entry.peer?.address;
    const variants = await Promise.all(
      abr.map(async (profile) => {
        const variantName = `${asked.viewer.streamName}-${profile}`;
        const packager = await packagers.obtain(variantName, container, { params, caller }).catch(() => undefined);
        const part = encodeURIComponent(`${name}-${profile}`);
        return packager === undefined ? [] : [{ packager, uri: `../${part}/${part}.m3u8` }];
      }),
    );
    if (this.#isElsewhere(asked.exchange)) return undefined;
    const found = variants.flat();
    // Sound alone, an unknown stream, or nobody who makes sizes.
    if (found.length === 0) return reply(404, 'There are no variants of such a stream.');
    this.#parts.answers.multivariant(asked, found);
    return undefined;
  }

  /** The client has gone, or the request is for the generation that serves now: then it is handed on. */
  #isElsewhere(exchange: HttpExchange): boolean {
    if (exchange.over) return true;
    return this.#parts.isSuperseded() && exchange.redispatch();
  }
}

/** What a viewer is told when its stream can't be had. */
function refusalOf(error: unknown): Reply {
  const isUnknown = error instanceof WcsError && (error.code === 'MEDIA_E_NOT_FOUND' || error.code === 'MEDIA_E_NAME_INVALID');
  return isUnknown ? reply(404, 'There is no such stream.') : reply(503, 'The stream is not ready.');
}
