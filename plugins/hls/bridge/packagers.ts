import { randomBytes } from 'node:crypto';
import type { PluginSession, Stream } from 'wcs-core';
import { paceOf } from '../session/pace.ts';
import { newPresentation } from '../session/presentation.ts';
import { timingFor } from '../session/timing.ts';
import type { PackagerDirectory, PackagerWish } from '../server/packager-directory.ts';
import type { Container } from '../wire/request-path.ts';
import { StreamPackager, type PackagerContext, type PackagerState } from './stream-packager.ts';

/** Where the next presentation of a name goes on. */
interface Seed {
  readonly nextMsn: number;
  readonly discontinuitySequence: number;
}

const TOKEN_BYTES = 5;
const MAX_SEEDS = 1000;
/** How long a packager that another generation has announced is waited for. */
const ARRIVAL_TIMEOUT_MS = 2000;

/** Every packager by stream name and container; started by the first who asks. */
export class Packagers implements PackagerDirectory {
  readonly #ctx: PackagerContext;
  readonly #byKey = new Map<string, StreamPackager>();
  readonly #starting = new Map<string, Promise<StreamPackager>>();
  readonly #seeds = new Map<string, Seed>();
  /** Packagers that come from the previous generation in this very moment. */
  readonly #arriving = new Map<string, { readonly arrived: Promise<void>; readonly done: () => void }>();

  constructor(ctx: PackagerContext) {
    this.#ctx = ctx;
  }

  get all(): readonly StreamPackager[] {
    return [...this.#byKey.values()];
  }

  find(streamName: string, container: Container): StreamPackager | undefined {
    return this.#byKey.get(keyOf(streamName, container));
  }

  arrival(streamName: string, container: Container): Promise<void> | undefined {
    return this.#arriving.get(keyOf(streamName, container))?.arrived;
  }

  async obtain(streamName: string, container: Container, wish: PackagerWish = {}): Promise<StreamPackager> {
    await this.arrival(streamName, container);
    const key = keyOf(streamName, container);
    const existing = this.#byKey.get(key);
    if (existing?.isOf(this.#ctx.media.find(streamName)) === true) return existing;
    existing?.session.close('stream replaced');
    let starting = this.#starting.get(key);
    if (starting === undefined) {
      starting = this.#start(streamName, container, wish).finally(() => this.#starting.delete(key));
      this.#starting.set(key, starting);
    }
    return starting;
  }

  /** Stops those that nobody has asked for long; a stream's end doesn't stop its packager at once, since viewers are behind. */
  sweep(nowMs: number): void {
    for (const packager of this.all) {
      const isWanted = packager.keeps && !packager.presentation.ended;
      const isIdle = nowMs - packager.lastAskedMs > this.#ctx.settings.idleMs && packager.waiters.size === 0;
      if (isIdle && !isWanted) packager.session.close('no viewers');
    }
  }

  byId(session: PluginSession): StreamPackager | undefined {
    return this.all.find((packager) => packager.session === session);
  }

  /** What another generation has to know before the first packager comes: which ones will, and where past ones stopped. */
  announce(): { readonly keys: readonly string[]; readonly seeds: readonly (readonly [string, Seed])[] } {
    return { keys: [...this.#byKey.keys()], seeds: [...this.#seeds] };
  }

  /** Requests for these wait until they are here. */
  expect({ keys, seeds }: ReturnType<Packagers['announce']>): void {
    for (const [key, seed] of seeds) this.#seeds.set(key, seed);
    for (const key of keys) {
      if (this.#byKey.has(key) || this.#arriving.has(key)) continue;
      let done = (): void => undefined;
      const arrived = new Promise<void>((resolve) => (done = resolve));
      this.#arriving.set(key, { arrived, done });
      this.#ctx.timers.after(ARRIVAL_TIMEOUT_MS, () => this.#arrived(key));
    }
  }

  /** Continues a packager of another generation. */
  adopt(session: PluginSession, state: PackagerState): void {
    const packager = this.#hold(session, state);
    const stream = this.#ctx.media.find(state.streamName);
    if (stream !== undefined && packager.isOf(stream)) packager.read(stream, 'live');
    else packager.presentation.end();
    this.#arrived(keyOf(state.streamName, state.presentation.container));
  }

  async #start(streamName: string, container: Container, { params = {}, caller, keeps = false }: PackagerWish): Promise<StreamPackager> {
    const limit = new AbortController();
    const cancel = this.#ctx.timers.after(this.#ctx.settings.startTimeoutMs, () => limit.abort(new Error('The stream took too long to begin.')));
    try {
      const stream = await this.#ctx.media.resolve(streamName, { params, caller, signal: limit.signal });
      await stream.ready(limit.signal);
      return this.#open(stream, streamName, container, keeps);
    } finally {
      cancel();
    }
  }

  #open(stream: Stream, streamName: string, container: Container, keeps: boolean): StreamPackager {
    const { settings } = this.#ctx;
    const leadId = (stream.tracks.find(({ kind }) => kind === 'video') ?? stream.tracks[0])?.id;
    const pace = paceOf({
      tracks: stream.tracks,
      cached: stream.cachedGop,
      keyFrames: stream.stats.tracks.find(({ trackId }) => trackId === leadId)?.keyFrames ?? 0,
      ageMs: performance.now() - stream.createdAtMs,
    });
    const token = BigInt(`0x${randomBytes(TOKEN_BYTES).toString('hex')}`).toString(36);
    const presentation = newPresentation(container, timingFor(settings, pace), token, this.#seeds.get(keyOf(streamName, container)));
    const session = this.#ctx.sessions.open({ protocol: 'hls-packager', kind: 'internal' });
    const now = performance.now();
    const packager = this.#hold(session, { type: 'packager', streamName, streamId: stream.id, presentation, createdAtMs: Date.now(), lastAskedMs: now, events: [], keeps });
    try {
      packager.read(stream, 'gop');
    } catch (error) {
      session.close('error');
      throw error;
    }
    return packager;
  }

  #hold(session: PluginSession, state: PackagerState): StreamPackager {
    const packager = new StreamPackager(session, state, this.#ctx.settings);
    const key = keyOf(packager.streamName, packager.container);
    this.#byKey.set(key, packager);
    session.scope.add('packager', () => {
      this.#remember(key, packager.presentation.successor);
      if (this.#byKey.get(key) === packager) this.#byKey.delete(key);
    });
    return packager;
  }

  /** Segment numbers of a name go on where they stopped, since players that stayed compare them. */
  #remember(key: string, seed: Seed): void {
    this.#seeds.delete(key);
    this.#seeds.set(key, seed);
    for (const oldest of this.#seeds.keys()) {
      if (this.#seeds.size <= MAX_SEEDS) return;
      this.#seeds.delete(oldest);
    }
  }

  #arrived(key: string): void {
    this.#arriving.get(key)?.done();
    this.#arriving.delete(key);
  }
}

function keyOf(streamName: string, container: Container): string {
  return `${container} ${streamName}`;
}
