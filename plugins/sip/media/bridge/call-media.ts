import { randomInt } from 'node:crypto';
import { RtpIngest, type Codec, type Publication, type RtpIngestState, type RtpIngestTrack, type Stream } from 'wcs-core';
import type { CallMedia, CallMediaRequest } from '../../calls/call-media.ts';
import { SdpDialogue, type AgreedSection, type CallKind, type MediaWish, type SdpDialogueState } from '../session/sdp-dialogue.ts';
import { CallLine, type CallLineState, type LineHost } from './call-line.ts';

const SSRC_MAX = 0xffff_ffff;
/** Sound whose format is fixed by its name, so that readers need not wait for the first packet. @see RFC 3551 section 4.5 */
const FIXED_FORMATS: Readonly<Partial<Record<Codec, NonNullable<RtpIngestTrack['format']>>>> = { g722: { sampleRateHz: 16_000, channels: 1 }, g729: { sampleRateHz: 8000, channels: 1 } };

/** What the media of every call is given. */
export interface CallMediaServices extends Pick<LineHost, 'ctx' | 'latchMode' | 'nowMs' | 'identity'> {
  /** How long readers of a call's stream wait when it breaks off, milliseconds. */
  readonly graceMs: number;
}

/** Plain data of a `BusCallMedia`. */
export interface BusCallMediaState {
  readonly dialogue: SdpDialogueState;
  /** By the order of the wish's kinds, which is that of the session's ports. */
  readonly lines: readonly CallLineState[];
  readonly ingest: RtpIngestState | undefined;
  readonly revision: number;
  readonly playing: string | undefined;
}

/** The media of one call between its ports and the media bus. */
export class BusCallMedia implements CallMedia {
  readonly #services: CallMediaServices;
  readonly #request: CallMediaRequest;
  readonly #dialogue: SdpDialogue;
  readonly #lines: ReadonlyMap<CallKind, CallLine>;
  readonly #ssrc: number;
  #publication: Publication | undefined;
  #ingest: RtpIngest | undefined;
  #ingested: readonly AgreedSection[] = [];
  /** Places of the kinds among those. */
  #indexes: ReadonlyMap<CallKind, number> = new Map();
  /** Revision of the tracks; raised with each change of their formats. */
  #revision: number;
  #stream: Stream | undefined;

  constructor(services: CallMediaServices, request: CallMediaRequest, wish: MediaWish, state?: BusCallMediaState) {
    const { session } = request;
    this.#services = services;
    this.#request = request;
    this.#dialogue = new SdpDialogue(wish, state?.dialogue);
    this.#lines = new Map(wish.kinds.flatMap((kind, index) => {
      const pair = session.rtpPairs[index];
      return pair === undefined ? [] : [[kind, new CallLine(this.#lineHost(kind), pair, state?.lines[index])] as const];
    }));
    this.#ssrc = state?.ingest?.ssrc ?? randomInt(1, SSRC_MAX);
    this.#revision = state?.revision ?? 0;
    if (state !== undefined) this.#restore(state);
  }

  get codecs(): readonly Codec[] {
    return this.#dialogue.agreed.map(({ format }) => format.track.codec);
  }

  get hasVideo(): boolean {
    return this.#dialogue.agreed.some(({ kind }) => kind === 'video');
  }

  get held(): boolean {
    return this.#dialogue.held;
  }

  get heldByPeer(): boolean {
    const { agreed } = this.#dialogue;
    return agreed.length > 0 && agreed.every(({ sends }) => !sends);
  }

  get playing(): Stream | undefined {
    return this.#stream;
  }

  get lastPacketMs(): number | undefined {
    return this.#ingest?.lastPacketMs;
  }

  get bytesIn(): number {
    return [...this.#lines.values()].reduce((sum, { bytesIn }) => sum + bytesIn, 0);
  }

  get bytesOut(): number {
    return [...this.#lines.values()].reduce((sum, { bytesOut }) => sum + bytesOut, 0);
  }

  offer(held?: boolean): string {
    return this.#dialogue.offer(held);
  }

  answer(offer: string): string {
    const sdp = this.#dialogue.answer(offer);
    this.#apply();
    return sdp;
  }

  accept(answer: string): void {
    this.#dialogue.accept(answer);
    this.#apply();
  }

  play(stream: Stream | undefined): void {
    this.#stream = stream;
    for (const line of this.#lines.values()) line.play(stream);
  }

  press(keys: string): boolean {
    return this.#lines.get('audio')?.press(keys) ?? false;
  }

  requestKeyFrame(): void {
    this.#lines.get('video')?.requestKeyFrame();
  }

  tick(nowMs: number): void {
    this.#ingest?.tick(nowMs);
    for (const line of this.#lines.values()) line.tick(nowMs);
  }

  end(reason: string): void {
    this.play(undefined);
    this.#publication?.setCallbacks({});
    this.#publication?.end(reason);
    for (const line of this.#lines.values()) line.agree(undefined);
  }

  exportState(): BusCallMediaState | undefined {
    const lines = [...this.#lines.values()].flatMap((line) => line.exportState() ?? []);
    if (lines.length < this.#lines.size) return undefined;
    return { dialogue: this.#dialogue.exportState(), lines, ingest: this.#ingest?.exportState(), revision: this.#revision, playing: this.#stream?.name };
  }

  #restore({ ingest, playing }: BusCallMediaState): void {
    const { agreed } = this.#dialogue;
    this.#stream = playing === undefined ? undefined : this.#services.ctx.media.find(playing);
    [this.#publication] = this.#request.session.publications;
    if (this.#publication !== undefined && ingest !== undefined) this.#receive(this.#publication, agreed, ingest);
    for (const [kind, line] of this.#lines) line.restore(agreed.find((section) => section.kind === kind), this.#stream);
  }

  /** Does what both sides have agreed on. */
  #apply(): void {
    const { agreed } = this.#dialogue;
    const isNew = this.#ingested.length !== agreed.length || agreed.some((section, index) => !isSameSource(section, this.#ingested[index]));
    if (isNew) {
      if (this.#ingest !== undefined) this.#revision += 1;
      this.#receive((this.#publication ??= this.#publish()), agreed);
    }
    for (const [kind, line] of this.#lines) line.agree(agreed.find((section) => section.kind === kind));
  }

  #publish(): Publication {
    const { session, streamName: name, owner, meta } = this.#request;
    return session.publish({ name, owner, meta, graceMs: this.#services.graceMs });
  }

  #receive(publication: Publication, agreed: readonly AgreedSection[], state?: RtpIngestState): void {
    const { sink } = this.#request;
    this.#ingested = agreed;
    this.#indexes = new Map(agreed.map(({ kind }, index) => [kind, index]));
    const tracks = agreed.map((section) => trackOf(section, this.#revision * REVISIONS_EACH));
    const ingest = new RtpIngest({ publication, tracks, mayReorder: true, ssrc: this.#ssrc, sendRtcp: (index, compound) => this.#lineOf(index)?.sendRtcp(compound) }, state);
    this.#ingest = ingest;
    publication.setCallbacks({
      onKeyFrameRequest: (trackId) => {
        if (trackId !== 'video') return;
        ingest.requestKeyFrame(trackId, this.#services.nowMs());
        sink.onKeyFrameWanted();
      },
      onTerminate: (reason) => sink.onTerminated(reason),
    });
  }

  #lineOf(index: number): CallLine | undefined {
    const kind = this.#ingested[index]?.kind;
    return kind === undefined ? undefined : this.#lines.get(kind);
  }

  #lineHost(kind: CallKind): LineHost {
    const { ctx, identity, latchMode, nowMs } = this.#services;
    const { session, callerAddress, sink } = this.#request;
    return {
      ctx,
      session,
      identity,
      latchMode,
      nowMs,
      mayReach: (address) => callerAddress === undefined || ctx.targets.allows(address, callerAddress),
      onRtp: (packet, receivedAtMs) => {
        // Who is asked not to send, and does, is not heard.
        if (!this.#dialogue.held) this.#ingest?.rtp(this.#indexes.get(kind) ?? -1, packet, receivedAtMs);
      },
      onRtcp: (compound, receivedAtMs) => this.#ingest?.rtcp(this.#indexes.get(kind) ?? -1, compound, receivedAtMs),
      onKey: (key) => sink.onKey(key),
      onFailed: (info) => sink.onFailed(info),
      onPlayEnded: (reason) => {
        if (this.#stream === undefined) return;
        this.#stream = undefined;
        sink.onPlayEnded(reason);
      },
    };
  }
}

/** Formats that one description can go through as packets tell more of it. */
const REVISIONS_EACH = 1_000_000;

function trackOf({ kind, format }: AgreedSection, firstRevision: number): RtpIngestTrack {
  const { track, receiveType } = format;
  const fixed = FIXED_FORMATS[track.codec];
  // Spreads last, as for the track itself: asked for with each packet.
  return { id: kind, kind, payloadType: receiveType, firstRevision, takesPli: kind === 'video', ...track, ...(fixed === undefined ? {} : { format: fixed }) };
}

function isSameSource(a: AgreedSection, b: AgreedSection | undefined): boolean {
  return a.kind === b?.kind && a.format.receiveType === b.format.receiveType && a.format.track.codec === b.format.track.codec && a.format.track.clockRateHz === b.format.track.clockRateHz;
}
