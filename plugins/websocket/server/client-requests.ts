import { messageOf, SNAPSHOTS, WcsError, type AccessDecision, type PluginContext, type PluginSession, type Snapshots } from 'wcs-core';
import type { Effect } from '../session/client-session.ts';
import type { ServerMessage } from '../wire/server-message.ts';
import type { ClientLog } from './client-logs.ts';
import type { WebSocketSettings } from './settings.ts';

/** What a client asks beside its streams and its data. */
export type RequestEffect = Extract<Effect, { type: 'snapshot' | 'askAvailable' | 'debug' | 'bugReport' | 'logs' | 'browserMetrics' }>;

const NO_SNAPSHOTS = 'Snapshots are not enabled on this server';

/** What answering needs. */
export interface RequestHost {
  readonly ctx: PluginContext<WebSocketSettings>;
  readonly session: PluginSession;
  readonly log: ClientLog;
  readonly onBrowserMetrics: () => void;
  deliver(message: ServerMessage): void;
}

/** Answers what a client asks beside its streams and its data. */
export class ClientRequests {
  readonly #host: RequestHost;
  #underWay = 0;

  constructor(host: RequestHost) {
    this.#host = host;
  }

  /** True while an answer is awaited. */
  get pending(): boolean {
    return this.#underWay > 0;
  }

  answer(effect: RequestEffect): void {
    const { ctx, session, log } = this.#host;
    switch (effect.type) {
      case 'snapshot':
        return session.background(this.#snapshot(effect.mediaSessionId, effect.name));
      case 'askAvailable':
        return this.#host.deliver({ type: 'availableStream', id: effect.mediaSessionId, available: ctx.media.find(effect.name)?.state === 'live' });
      case 'debug':
        return this.#host.deliver({ type: 'notifySessionDebugEvent', status: effect.command === 'start' ? 'STARTED' : 'STOPPED', file: log.file });
      case 'bugReport':
        return log.report(effect.report);
      case 'logs':
        return log.append(effect.logs);
      case 'browserMetrics':
        return this.#host.onBrowserMetrics();
    }
  }

  /** A picture of a stream is for those who may play it. */
  #authorised(streamName: string): Promise<AccessDecision> {
    const { ctx, session } = this.#host;
    const { id: sessionId, peer = { address: '', port: 0 } } = session.entry;
    return ctx.access.authorise({ action: 'play', protocol: 'snapshot', streamName, params: {}, peer, sessionId });
  }

  async #snapshot(mediaSessionId: string, name: string): Promise<void> {
    const { capabilities } = this.#host.ctx;
    const tell = (type: string, payload: unknown): void => this.#host.deliver({ type: 'notifyStreamEvent', event: { mediaSessionId, type, payload } });
    if (!capabilities.has(SNAPSHOTS)) {
      tell('snapshotFailed', { info: NO_SNAPSHOTS });
      return;
    }
    this.#underWay++;
    try {
      const decision = await this.#authorised(name);
      if (!decision.allowed) throw new WcsError('ACCESS_E_REFUSED', decision.reason);
      const picture = await capabilities.get<Snapshots>(SNAPSHOTS).take(decision.streamName ?? name);
      tell('snapshotCompleted', { snapshot: Buffer.from(picture).toString('base64') });
    } catch (error) {
      tell('snapshotFailed', { info: messageOf(error) });
    } finally {
      this.#underWay--;
    }
  }
}
