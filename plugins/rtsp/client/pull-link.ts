import { messageOf, ProtocolError, type Connection, type PluginSession, type RtpPairHandler, type RtpPortPair, type UdpPeer } from 'wcs-core';
import { NEED_MORE } from 'wcs-core/formats/need-more';
import { PullDialogue, type PullDialogueOptions } from '../session/pull-dialogue.ts';
import type { PullFailure } from '../session/pull-failure.ts';
import type { PullDialogueState, PullEffect, PullPath, PullTrack } from '../session/pull-state.ts';
import { RtspReader } from '../wire/message-reader.ts';
import { encodeInterleaved } from '../wire/message-writer.ts';
import type { InterleavedFrame, RtspMessage } from '../wire/message.ts';

/** Bytes that wait for a server that doesn't read, before it is given up. */
const BACKLOG_MAX_BYTES = 256 * 1024;

/** How a link ended: it can't go on, or its server names another. */
export type LinkEnd = { readonly type: 'failed'; readonly failure: PullFailure } | { readonly type: 'redirect'; readonly location: string };

/** What a link tells; nothing comes after `onEnd`. */
export interface LinkEvents {
  onPlaying(tracks: readonly PullTrack[]): void;
  onRtp(index: number, packet: Uint8Array, receivedAtMs: number): void;
  onRtcp(index: number, compound: Uint8Array, receivedAtMs: number): void;
  onEnd(end: LinkEnd): void;
}

/** What a link is made of. */
export interface LinkParts {
  readonly session: PluginSession;
  readonly connection: Connection;
  readonly dialogue: PullDialogueOptions;
  /** Opens a pair of UDP ports for each track. */
  openPairs(count: number): Promise<readonly RtpPortPair[]>;
  readonly answerTimeoutMs: number;
  readonly events: LinkEvents;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** For ports whose track doesn't play yet. */
const UNHEARD: RtpPairHandler = { onRtp: () => undefined, onRtcp: () => undefined };

/** Plain data of a `PullLink`. */
export interface LinkState {
  readonly dialogue: PullDialogueState;
  readonly unread: Uint8Array;
  readonly askedAtMs: number;
  readonly keepAliveDueMs: number;
  readonly strayFrames: number;
}

/** One connection to a server, with the ports that belong to it: carries out what the dialogue wants, and gives out media. */
export class PullLink {
  readonly #parts: LinkParts;
  readonly #reader: RtspReader;
  readonly #dialogue: PullDialogue;
  #pairs: readonly RtpPortPair[] = [];
  #tracks: readonly PullTrack[] = [];
  /** Track and kind by channel: twice the index, and one more for RTCP. */
  readonly #channels = new Map<number, number>();
  #askedAtMs: number;
  #keepAliveDueMs: number;
  #strayFrames: number;
  #over = false;

  /** @param state of a link of the previous version, whose connection and ports the session holds */
  constructor(parts: LinkParts, state?: LinkState) {
    const { session, connection } = parts;
    this.#parts = parts;
    this.#reader = new RtspReader(state?.unread);
    this.#dialogue = new PullDialogue(parts.dialogue, state?.dialogue);
    this.#askedAtMs = state?.askedAtMs ?? 0;
    this.#keepAliveDueMs = state?.keepAliveDueMs ?? Infinity;
    this.#strayFrames = state?.strayFrames ?? 0;
    if (state !== undefined) {
      this.#pairs = session.rtpPairs;
      this.#mapTracks();
    }
    session.attach(connection, { onData: (chunk) => this.#onData(chunk), onClose: (error) => this.#fail({ cause: 'ended', detail: error?.message ?? 'the server closed the connection' }) });
  }

  begin(): void {
    this.#perform(this.#dialogue.begin());
  }

  /** Undefined while ports are being opened. */
  exportState(): LinkState | undefined {
    if (this.#dialogue.step === 'ports' || this.#over) return undefined;
    return { dialogue: this.#dialogue.exportState(), unread: this.#reader.unread, askedAtMs: this.#askedAtMs, keepAliveDueMs: this.#keepAliveDueMs, strayFrames: this.#strayFrames };
  }

  /** Those that are set up. */
  get tracks(): readonly PullTrack[] {
    return this.#tracks;
  }

  get transport(): 'tcp' | 'udp' {
    return this.#dialogue.transport;
  }

  get isPlaying(): boolean {
    return this.#dialogue.step === 'playing';
  }

  /** Interleaved frames of channels that belong to no track. */
  get strayFrames(): number {
    return this.#strayFrames;
  }

  /** To be called several times a second. */
  tick(nowMs: number): void {
    if (this.#over) return;
    if (nowMs >= this.#keepAliveDueMs) {
      this.#keepAliveDueMs = nowMs + this.#keepAliveMs();
      this.#perform(this.#dialogue.keepAlive());
    }
    if (!this.#dialogue.isWaiting || nowMs - this.#askedAtMs < this.#parts.answerTimeoutMs) return;
    // A sign of life that is not answered says nothing while media comes; its silence is looked after elsewhere.
    if (this.isPlaying) this.#dialogue.giveUpAnswer();
    else this.#fail({ cause: 'connect', detail: `no answer to ${this.#dialogue.step} within ${this.#parts.answerTimeoutMs} ms` });
  }

  /** Sends a compound on the RTCP path of a track. */
  sendRtcp(index: number, compound: Uint8Array): void {
    const path = this.#tracks[index]?.path;
    if (path === undefined || this.#over) return;
    if (path.type === 'interleaved') this.#write(encodeInterleaved(path.channels[1], compound));
    else if (path.serverPorts !== undefined) this.#pairOf(path)?.rtcp.send(compound, path.serverPorts[1], this.#sourceOf(path));
  }

  /** Says goodbye and lets go of connection and ports. */
  close(): void {
    if (this.#over) return;
    for (const effect of this.#dialogue.teardown()) if (effect.type === 'send') this.#parts.connection.write(effect.bytes);
    this.#letGo();
  }

  #onData(chunk: Buffer): void {
    this.#reader.feed(chunk);
    const nowMs = this.#parts.nowMs();
    try {
      for (let message = this.#reader.next(); message !== NEED_MORE && !this.#over; message = this.#reader.next()) this.#take(message, nowMs);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail({ cause: 'malformed', detail: error.message });
    }
  }

  #take(message: RtspMessage, nowMs: number): void {
    if (message.type === 'interleaved') this.#frame(message, nowMs);
    else this.#perform(message.type === 'response' ? this.#dialogue.response(message) : this.#dialogue.request(message));
  }

  #frame({ channel, data }: InterleavedFrame, nowMs: number): void {
    const place = this.#channels.get(channel);
    if (place === undefined) this.#strayFrames += 1;
    else if (place % 2 === 0) this.#parts.events.onRtp(place / 2, data, nowMs);
    else this.#parts.events.onRtcp((place - 1) / 2, data, nowMs);
  }

  #perform(effects: readonly PullEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: PullEffect): void {
    switch (effect.type) {
      case 'send':
        if (effect.isRequest) this.#askedAtMs = this.#parts.nowMs();
        return this.#write(effect.bytes);
      case 'openPorts':
        this.#parts.session.background(this.#openPairs(effect.count));
        return;
      case 'playing':
        this.#mapTracks();
        this.#keepAliveDueMs = this.#parts.nowMs() + this.#keepAliveMs();
        this.#punch();
        return this.#parts.events.onPlaying(effect.tracks);
      case 'redirect':
        return this.#end(effect);
      case 'failed':
        return this.#fail(effect.failure);
    }
  }

  async #openPairs(count: number): Promise<void> {
    let pairs: readonly RtpPortPair[];
    try {
      pairs = await this.#parts.openPairs(count);
    } catch (error) {
      this.#fail({ cause: 'connect', detail: messageOf(error) });
      return;
    }
    if (this.#over || this.#parts.session.closed) {
      for (const pair of pairs) pair.destroy();
      return;
    }
    this.#pairs = pairs;
    for (const pair of pairs) this.#parts.session.attach(pair, UNHEARD);
    this.#perform(this.#dialogue.portsOpened(pairs.map(({ rtp, rtcp }) => [rtp.port, rtcp.port])));
  }

  /** Channels, or handlers of ports, for the tracks that are set up; media may come before the answer to PLAY. */
  #mapTracks(): void {
    this.#tracks = this.#dialogue.tracks;
    this.#channels.clear();
    for (const [index, { path }] of this.#tracks.entries()) {
      if (path?.type === 'interleaved') {
        this.#channels.set(path.channels[0], 2 * index);
        if (path.channels[1] !== path.channels[0]) this.#channels.set(path.channels[1], 2 * index + 1);
      } else if (path?.type === 'udp') this.#listen(index, path);
    }
  }

  #listen(index: number, path: Extract<PullPath, { type: 'udp' }>): void {
    const { session, events, nowMs } = this.#parts;
    const pair = this.#pairOf(path);
    const source = this.#sourceOf(path);
    // Packets from elsewhere are somebody else's: they would be seen by all readers.
    const isFromServer = ({ address, port }: UdpPeer, place: 0 | 1): boolean =>
      (address === source || address === this.#parts.connection.remoteAddress) && (path.serverPorts === undefined || port === path.serverPorts[place]);
    if (pair === undefined) return;
    session.attach(pair, {
      onRtp: (data, from) => {
        if (isFromServer(from, 0)) events.onRtp(index, data, nowMs());
        else this.#strayFrames += 1;
      },
      onRtcp: (data, from) => {
        if (isFromServer(from, 1)) events.onRtcp(index, data, nowMs());
        else this.#strayFrames += 1;
      },
    });
  }

  /** Opens the way back through address translators: an empty datagram to each of the server's ports. */
  #punch(): void {
    const nothing = new Uint8Array(1);
    for (const { path } of this.#tracks) {
      if (path?.type !== 'udp' || path.serverPorts === undefined) continue;
      this.#pairOf(path)?.rtp.send(nothing, path.serverPorts[0], this.#sourceOf(path));
      this.#pairOf(path)?.rtcp.send(nothing, path.serverPorts[1], this.#sourceOf(path));
    }
  }

  #pairOf({ clientPorts }: Extract<PullPath, { type: 'udp' }>): RtpPortPair | undefined {
    return this.#pairs.find(({ rtp }) => rtp.port === clientPorts[0]);
  }

  #sourceOf({ source }: Extract<PullPath, { type: 'udp' }>): string {
    return source ?? this.#parts.connection.remoteAddress;
  }

  #keepAliveMs(): number {
    return ((this.#dialogue.sessionTimeoutS ?? 60) * 1000) / 2;
  }

  #write(bytes: Uint8Array): void {
    const { connection } = this.#parts;
    connection.write(bytes);
    if (connection.backlogBytes > BACKLOG_MAX_BYTES) this.#fail({ cause: 'connect', detail: 'the server reads nothing' });
  }

  #fail(failure: PullFailure): void {
    this.#end({ type: 'failed', failure });
  }

  #end(end: LinkEnd): void {
    if (this.#over) return;
    this.#letGo();
    this.#parts.events.onEnd(end);
  }

  #letGo(): void {
    const { session, connection } = this.#parts;
    this.#over = true;
    for (const held of [connection, ...this.#pairs]) {
      session.detach(held);
      held.destroy();
    }
  }
}
