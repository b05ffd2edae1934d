import { randomUUID } from 'node:crypto';
import { shownStreamName } from '../access/stream-name.ts';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import { abortable } from './abortable.ts';
import type { MediaRuntime } from './runtime.ts';
import type { Stream } from './stream.ts';

/** What the start of a source is given. */
export interface SourceContext {
  /** Name to publish the stream under: the URI itself or, of a personal source, the name of this one copy. */
  readonly streamName: string;
  /** Parameters of the first reader that asked. */
  readonly params: Readonly<Record<string, string>>;
  /** IP address of that reader; undefined for the server itself. What it may reach, the source may reach. */
  readonly caller?: string | undefined;
  /** Aborted when the stream isn't wanted any more: the source ends its publication. Lives as long as the source does. */
  readonly signal: AbortSignal;
}

/** Claims every stream name that begins with `scheme://`. */
export interface StreamSource {
  readonly scheme: string;
  /** Every reader gets a stream of its own instead of sharing one. Only who says `personal` when it asks is served. */
  readonly personal?: boolean;
  /** Connects and publishes a stream named `context.streamName` before it resolves. Asked once, however many readers wait; a personal one for each. */
  start(uri: string, context: SourceContext): Promise<void>;
  /** A running source of an older generation is handed over: from now on this signal says when to stop. */
  adopt?(uri: string, context: SourceContext): void;
  /** How long it goes on without readers; default of the bus. */
  readonly idleMs?: number;
}

/** Claims names that nobody publishes here (an origin server elsewhere may have them). */
export interface StreamResolver {
  readonly name: string;
  /** Lowest first. */
  readonly order: number;
  /** True once it has published a stream of that name; false when it knows nothing of it. */
  resolve(name: string, context: SourceContext): Promise<boolean>;
}

/** Who asks for a stream. */
export interface ResolveRequest {
  /** The stream that is found goes to one reader alone and is known by its own name: a copy made for this reader is welcome. */
  readonly personal?: boolean;
  readonly params?: Readonly<Record<string, string>>;
  /** IP address of who asks. */
  readonly caller?: string | undefined;
  readonly signal?: AbortSignal;
}

interface Entry {
  /** Of the stream. */
  readonly name: string;
  readonly uri: string;
  readonly isPersonal: boolean;
  readonly asked: Omit<SourceContext, 'signal'>;
  readonly idleMs: number;
  /** Of the source that runs it; undefined where a resolver does. */
  readonly scheme: string | undefined;
  abort: AbortController;
  readonly started: Promise<Stream>;
  waiting: number;
  cancelIdle: (() => void) | undefined;
}

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;

/** The scheme of a stream name that is a URI, in lower case. */
export function schemeOf(name: string): string | undefined {
  return SCHEME.exec(name)?.[1]?.toLowerCase();
}

/** Starts streams on request: by URI scheme, or by asking resolvers about an unknown name. One start serves all that wait. */
export class Sources {
  readonly #runtime: MediaRuntime;
  readonly #find: (name: string) => Stream | undefined;
  readonly #sources = new Map<string, StreamSource>();
  #resolvers: readonly StreamResolver[] = [];
  readonly #entries = new Map<string, Entry>();

  constructor(runtime: MediaRuntime, find: (name: string) => Stream | undefined) {
    this.#runtime = runtime;
    this.#find = find;
  }

  /** A second source of a scheme replaces the first and may adopt what that one runs. */
  registerSource(source: StreamSource): () => void {
    const scheme = source.scheme.toLowerCase();
    this.#sources.set(scheme, source);
    for (const entry of this.#entries.values()) {
      if (entry.scheme !== scheme || source.adopt === undefined) continue;
      entry.abort = new AbortController();
      source.adopt(entry.uri, { ...entry.asked, signal: entry.abort.signal });
    }
    return () => {
      if (this.#sources.get(scheme) === source) this.#sources.delete(scheme);
    };
  }

  registerResolver(resolver: StreamResolver): () => void {
    this.#resolvers = [...this.#resolvers, resolver].sort((a, b) => a.order - b.order);
    return () => void (this.#resolvers = this.#resolvers.filter((other) => other !== resolver));
  }

  /** Rejects with MEDIA_E_NOT_FOUND, MEDIA_E_NOT_SHARED, MEDIA_E_SOURCE_FAILED, or the reason of the request's signal. */
  async resolve(name: string, request: ResolveRequest): Promise<Stream> {
    request.signal?.throwIfAborted();
    const entry = this.#entries.get(name) ?? this.#start(name, request);
    entry.waiting += 1;
    entry.cancelIdle?.();
    try {
      return await abortable(entry.started, request.signal);
    } finally {
      entry.waiting -= 1;
      this.#checkIdle(entry);
    }
  }

  /** The bus says that readers of a stream came or went. */
  readersChanged(name: string): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) this.#checkIdle(entry);
  }

  /** The bus says that a stream has ended: whatever ran it is told to stop. */
  streamEnded(name: string): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) this.#stop(entry, 'The stream has ended');
  }

  close(): void {
    for (const entry of [...this.#entries.values()]) this.#stop(entry, 'The media bus closes');
  }

  #start(uri: string, request: ResolveRequest): Entry {
    const scheme = schemeOf(uri);
    const source = scheme === undefined ? undefined : this.#sources.get(scheme);
    if (scheme !== undefined && source === undefined) {
      throw new WcsError('MEDIA_E_NOT_FOUND', `No stream ${shownStreamName(uri)}: no enabled plugin plays ${scheme}:// addresses.`);
    }
    const isPersonal = source?.personal === true;
    if (isPersonal && request.personal !== true) throw new WcsError('MEDIA_E_NOT_SHARED', `${shownStreamName(uri)} is played to one reader alone and cannot be shared.`);
    const name = isPersonal ? `${uri}#${randomUUID()}` : uri;
    const abort = new AbortController();
    const asked = { streamName: name, params: request.params ?? {}, caller: request.caller };
    const context: SourceContext = { ...asked, signal: abort.signal };
    const { sourceIdleMs } = this.#runtime.settings;
    const idleMs = source?.idleMs ?? sourceIdleMs;
    const run = source === undefined ? this.#askResolvers(name, context) : this.#runSource(source, uri, context);
    const entry: Entry = { name, uri, isPersonal, asked, idleMs, scheme, abort, started: run, waiting: 0, cancelIdle: undefined };
    this.#entries.set(name, entry);
    run.catch((error: unknown) => this.#failed(entry, error));
    return entry;
  }

  async #runSource(source: StreamSource, uri: string, context: SourceContext): Promise<Stream> {
    try {
      await source.start(uri, context);
    } catch (error) {
      if (error instanceof WcsError) throw error;
      throw new WcsError('MEDIA_E_SOURCE_FAILED', `Source ${shownStreamName(uri)} could not be started: ${messageOf(error)}`, { cause: error });
    }
    return this.#find(context.streamName) ?? fail('MEDIA_E_SOURCE_FAILED', `Source ${shownStreamName(uri)} started but published no stream.`);
  }

  async #askResolvers(name: string, context: SourceContext): Promise<Stream> {
    for (const resolver of this.#resolvers) {
      try {
        if (!(await resolver.resolve(name, context))) continue;
      } catch (error) {
        this.#runtime.log.warn('a resolver failed', { resolver: resolver.name, stream: name, error: messageOf(error) });
        continue;
      }
      return this.#find(name) ?? fail('MEDIA_E_SOURCE_FAILED', `${resolver.name} claimed ${shownStreamName(name)} but published no stream.`);
    }
    // Published by somebody while the resolvers were asked.
    return this.#find(name) ?? fail('MEDIA_E_NOT_FOUND', `No stream ${shownStreamName(name)}.`);
  }

  /** Remembers the failure for a moment, so that a crowd of readers doesn't hammer a dead source. */
  #failed(entry: Entry, error: unknown): void {
    if (this.#entries.get(entry.name) !== entry) return;
    const { sourceFailureMs } = this.#runtime.settings;
    const isUnknown = error instanceof WcsError && error.code === 'MEDIA_E_NOT_FOUND';
    if (sourceFailureMs <= 0 || isUnknown || entry.isPersonal) { this.#stop(entry, 'The start failed'); return; }
    entry.abort.abort(new Error('The start failed'));
    this.#runtime.timers.after(sourceFailureMs, () => {
      if (this.#entries.get(entry.name) === entry) this.#stop(entry, 'The start failed');
    });
  }

  #checkIdle(entry: Entry): void {
    entry.cancelIdle?.();
    entry.cancelIdle = undefined;
    const wanted = entry.waiting > 0 || (this.#find(entry.name)?.subscriberCount ?? 0) > 0;
    if (wanted || entry.abort.signal.aborted || this.#entries.get(entry.name) !== entry) return;
    entry.cancelIdle = this.#runtime.timers.after(entry.idleMs, () => this.#stop(entry, 'Nobody reads the stream'));
  }

  #stop(entry: Entry, reason: string): void {
    entry.cancelIdle?.();
    entry.cancelIdle = undefined;
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name);
    entry.abort.abort(new Error(reason));
  }
}

function fail(code: 'MEDIA_E_SOURCE_FAILED' | 'MEDIA_E_NOT_FOUND', message: string): never {
  throw new WcsError(code, message);
}
