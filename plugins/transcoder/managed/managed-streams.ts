import { randomUUID } from 'node:crypto';
import { WcsError, type Acceptance, type PluginContext, type PluginSession, type Stream } from 'wcs-core';
import { Republisher, type RepublishState } from '../bridge/republisher.ts';
import type { TranscoderSettings } from '../settings.ts';
import { acceptanceOfProfile, isInLadder, type Profile } from './profiles.ts';

/** What is made under a name of its own. */
export interface MakeOptions {
  readonly uri?: string;
  readonly accept: readonly Acceptance[];
  readonly idleMs?: number;
  readonly encoder: Readonly<Record<string, unknown>>;
}

const START_TIMEOUT_MS = 10_000;

/** Streams that are made of others: by an operator's word, or because a name like `NAME-720p` is asked for. */
export class ManagedStreams {
  readonly #ctx: PluginContext<TranscoderSettings>;
  readonly #bySession = new Map<PluginSession, Republisher>();

  constructor(ctx: PluginContext<TranscoderSettings>) {
    this.#ctx = ctx;
  }

  get all(): readonly Republisher[] {
    return [...this.#bySession.values()];
  }

  /** @throws WcsError MEDIA_E_NOT_FOUND, OPERATION_E_CONFLICT, or what keeps the stream from being made */
  async start(sourceName: string, localName: string, options: MakeOptions): Promise<Republisher> {
    const { uri } = options;
    if (uri !== undefined && this.all.some(({ state }) => state.uri === uri)) throw new WcsError('OPERATION_E_CONFLICT', `${uri} is active already.`);
    const source = await this.#inTime(async (signal) => {
      const found = await this.#ctx.media.resolve(sourceName, { signal });
      await found.ready(signal);
      return found;
    });
    return this.#make(source, localName, options);
  }

  /** The stream of a profile's name; false where there is nothing to make it of, or it would be made larger. */
  async resolveProfile(name: string): Promise<boolean> {
    const { profiles, profileIdleMs, transcodingDisabled } = this.#ctx.settings;
    const profileName = transcodingDisabled ? undefined : Object.keys(profiles).find((candidate) => name.endsWith(`-${candidate}`) && name.length > candidate.length + 1);
    const profile: Profile | undefined = profileName === undefined ? undefined : profiles[profileName];
    if (profileName === undefined || profile === undefined) return false;
    const source = this.#ctx.media.find(name.slice(0, -profileName.length - 1));
    if (source === undefined) return false;
    await this.#inTime((signal) => source.ready(signal));
    const picture = source.tracks.find(({ kind }) => kind === 'video');
    if (picture === undefined || !isInLadder(profileName, profiles, picture.height)) return false;
    this.#make(source, name, { accept: acceptanceOfProfile(profile), idleMs: profileIdleMs, encoder: { ...profile } });
    return true;
  }

  resume(session: PluginSession, state: RepublishState): void {
    this.#remember(Republisher.resume(this.#ctx, session, state));
  }

  find(session: PluginSession): Republisher | undefined {
    return this.#bySession.get(session);
  }

  async #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const cancel = this.#ctx.timers.after(START_TIMEOUT_MS, () => limit.abort(new Error('The stream took too long to begin.')));
    try {
      return await work(limit.signal);
    } finally {
      cancel();
    }
  }

  #make(source: Stream, localName: string, { uri, accept, idleMs, encoder }: MakeOptions): Republisher {
    const session = this.#ctx.sessions.open({ protocol: 'transcoder', kind: 'internal' });
    const state: RepublishState = { uri, sourceName: source.name, localName, accept, idleMs, localMediaSessionId: randomUUID(), remoteMediaSessionId: source.id, encoder };
    try {
      const made = new Republisher(session, source, state);
      this.#remember(made);
      return made;
    } catch (error) {
      session.close('Failed by error');
      throw error;
    }
  }

  #remember(made: Republisher): void {
    this.#bySession.set(made.session, made);
    made.session.scope.add('managed stream', () => void this.#bySession.delete(made.session));
  }
}
