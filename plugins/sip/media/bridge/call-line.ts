import { randomInt } from 'node:crypto';
import { ProtocolError, type RtpLineState, type RtpPortPair, type RtpViewer, type Stream } from 'wcs-core';
import { A_LAW_SAMPLES, MU_LAW_SAMPLES } from 'wcs-core/formats/g711';
import { ntpOfUnixMs } from 'wcs-core/rtp/ntp';
import { encodeRtp, rtpHeaderLength, rtpPayloadEnd, rtpPayloadType, rtpTimestamp } from 'wcs-core/rtp/packet';
import { DTMF_KEYS, TelephoneEventReader } from 'wcs-core/rtp/payload/telephone-event';
import { encodeRtcp, parseRtcp, SDES_CNAME, type RtcpPacket, type WritableRtcp } from 'wcs-core/rtp/rtcp';
import { KeyPresser } from '../session/key-presser.ts';
import type { AgreedSection } from '../session/sdp-dialogue.ts';
import { ToneKeyDetector } from '../session/tone-keys.ts';
import { PeerPath, type PathPlace, type PathTaker, type PeerPathState } from './peer-path.ts';

/** How often the peer is told what we send. @see RFC 3550 section 6.2 */
const REPORT_MS = 5000;
const SSRC_MAX = 0xffff_ffff;
/** Numbers begin here, so that the first roll-over is far away. */
const FIRST_SEQUENCE_MIN = 1024;
const FIRST_SEQUENCE_END = 0x8000;

/** What a line needs of its call. */
export interface LineHost extends PathPlace, Omit<PathTaker, 'onSender'> {
  onKey(key: string): void;
  onPlayEnded(reason: string): void;
}

/** Plain data of a `CallLine`. */
export interface CallLineState {
  readonly ssrc: number;
  readonly sent: RtpLineState;
  readonly path: PeerPathState;
}

/** One m-line of a call on its pair of ports: what comes from the peer, and what is sent to it. */
export class CallLine {
  readonly #host: LineHost;
  readonly #ssrc: number;
  readonly #path: PeerPath;
  readonly #keys: KeyPresser;
  readonly #events: TelephoneEventReader;
  readonly #tones: ToneKeyDetector;
  #agreed: AgreedSection | undefined;
  #stream: Stream | undefined;
  #viewer: RtpViewer | undefined;
  /** What has been sent, while no viewer knows better. */
  #sent: RtpLineState;
  #reportDueMs = 0;

  constructor(host: LineHost, pair: RtpPortPair, state?: CallLineState) {
    this.#host = host;
    this.#ssrc = state?.ssrc ?? randomInt(1, SSRC_MAX);
    this.#sent = state?.sent ?? nothingSent(this.#ssrc);
    this.#events = new TelephoneEventReader(({ event }) => host.onKey(DTMF_KEYS[event] ?? ''));
    this.#tones = new ToneKeyDetector((key) => host.onKey(key));
    this.#keys = new KeyPresser({
      timers: host.session.timers,
      begin: () => this.#pausePlaying(),
      send: (rtp, sequence) => this.#path.sender?.sendRtp(rtp, sequence),
      end: (nextSequence) => this.#afterKeys(nextSequence),
    });
    const taker: PathTaker = {
      onRtp: (packet, atMs) => this.#onRtp(packet, atMs),
      onRtcp: (compound, atMs) => this.#onRtcp(compound, atMs),
      onSender: () => this.#restart(),
      onFailed: (info) => host.onFailed(info),
    };
    this.#path = new PeerPath(host, taker, pair, state?.path);
  }

  /** Goes on as the line of the previous version, which played that stream. */
  restore(agreed: AgreedSection | undefined, stream: Stream | undefined): void {
    this.#agreed = agreed;
    this.#stream = stream;
    if (agreed !== undefined) this.#path.open(agreed);
    this.#update();
  }

  /** Undefined while another version could not go on with it. */
  exportState(): CallLineState | undefined {
    const path = this.#path.exportState();
    return path === undefined ? undefined : { ssrc: this.#ssrc, sent: this.#sentNow(), path };
  }

  get bytesIn(): number {
    return this.#path.bytesIn;
  }

  get bytesOut(): number {
    return this.#path.bytesOut;
  }

  /** Both sides have agreed on that, perhaps anew; undefined: the line is not used. */
  agree(agreed: AgreedSection | undefined): void {
    const before = this.#agreed;
    this.#agreed = agreed;
    if (agreed === undefined || (before !== undefined && !isSameFormat(before, agreed))) this.#stopPlaying();
    if (agreed === undefined) this.#path.close();
    else this.#path.open(agreed);
    this.#update();
  }

  /** Sends that stream from now on. @throws WcsError where the peer could take nothing of it */
  play(stream: Stream | undefined): void {
    if (stream === this.#stream) return;
    this.#stopPlaying();
    this.#stream = stream;
    this.#update();
  }

  /** False where the peer takes no key events. */
  press(keys: string): boolean {
    const { events, format } = this.#agreed ?? {};
    if (events === undefined || format === undefined || this.#path.sender === undefined) return false;
    this.#keys.press(keys, { ssrc: this.#ssrc, payloadType: events.sendType, clockRateHz: format.track.clockRateHz });
    return true;
  }

  requestKeyFrame(): void {
    this.#viewer?.onPli(this.#ssrc);
  }

  sendRtcp(compound: Uint8Array): void {
    this.#path.sendRtcp(compound);
  }

  /** Reports, and keeps the way open where nothing is sent. */
  tick(nowMs: number): void {
    if (nowMs < this.#reportDueMs || this.#path.sender === undefined) return;
    this.#reportDueMs = nowMs + REPORT_MS;
    const [facts] = this.#viewer?.reports(nowMs) ?? [];
    if (facts === undefined) return this.#keepOpen();
    const { rtpTimestamp, packetCount, octetCount } = facts;
    const ssrc = this.#ssrc;
    const report: WritableRtcp = { type: 'senderReport', ssrc, ntp: ntpOfUnixMs(Date.now()), rtpTimestamp, packetCount, octetCount, reports: [] };
    this.#path.sendRtcp(encodeRtcp([report, { type: 'sourceDescription', chunks: [{ ssrc, items: [{ item: SDES_CNAME, text: this.#host.session.id }] }] }]));
  }

  #onRtp(packet: Uint8Array, receivedAtMs: number): void {
    const isEvent = rtpPayloadType(packet) === this.#agreed?.events?.receiveType;
    if (!isEvent) this.#host.onRtp(packet, receivedAtMs);
    // Who has agreed on events presses no keys in the sound.
    const samples = this.#agreed?.events === undefined ? samplesOf(this.#agreed) : undefined;
    if (!isEvent && samples === undefined) return;
    try {
      const start = rtpHeaderLength(packet);
      const end = rtpPayloadEnd(packet, start);
      if (isEvent) this.#events.push(packet.subarray(start, end), rtpTimestamp(packet));
      else if (samples !== undefined) this.#tones.push(packet, samples, start, end);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  #onRtcp(compound: Uint8Array, receivedAtMs: number): void {
    for (const packet of readRtcp(compound)) {
      if (packet.type === 'pli' || packet.type === 'fir') this.requestKeyFrame();
      else if (packet.type === 'nack') this.#viewer?.onNack(packet.mediaSsrc, packet.sequences);
    }
    this.#host.onRtcp(compound, receivedAtMs);
  }

  /** Plays when there is something to play, somebody to take it, and nothing in the way. */
  #update(): void {
    const agreed = this.#agreed;
    const isWanted = agreed?.sends === true && agreed.format.sendable && this.#path.sender !== undefined && !this.#keys.busy;
    if (!isWanted) return this.#stopPlaying();
    if (this.#viewer === undefined && this.#stream !== undefined && this.#stream.state !== 'ended') this.#startPlaying(this.#stream, agreed);
  }

  #restart(): void {
    this.#stopPlaying();
    this.#update();
  }

  #startPlaying(stream: Stream, { kind, format }: AgreedSection): void {
    const { ctx, session } = this.#host;
    const { codec } = format.track;
    const sender = this.#path.sender;
    if (sender === undefined) return;
    this.#viewer = ctx.media.rtpFanout(stream, session.scope).add({
      sender,
      label: `sip ${session.id} ${kind}`,
      accept: [{ kind, codecs: [codec], ...(kind === 'video' ? { bFrames: false } : {}) }],
      map: (track) => (track.kind === kind && track.codec === codec ? { ssrc: this.#ssrc, payloadType: format.sendType, resends: kind === 'video' } : undefined),
      onMissing: ({ codec: has, remedy }) => session.log.info('The call gets nothing of a track', { stream: stream.name, kind, has, takes: codec, remedy }),
      onEnd: (reason) => {
        this.#stopPlaying();
        this.#stream = undefined;
        this.#host.onPlayEnded(reason);
      },
      resume: { lines: [this.#sent] },
    });
  }

  #stopPlaying(): void {
    const viewer = this.#viewer;
    if (viewer === undefined) return;
    this.#sent = { ...this.#sentNow(), phase: 'waiting' };
    this.#viewer = undefined;
    viewer.close();
  }

  #sentNow(): RtpLineState {
    return this.#viewer?.state().lines.find(({ ssrc }) => ssrc === this.#ssrc) ?? this.#sent;
  }

  /** Keys go out in place of sound, under its numbers and times. @see RFC 4733 section 2.2 */
  #pausePlaying(): { readonly sequence: number; readonly timestamp: number } {
    const [facts] = this.#viewer?.reports(this.#host.nowMs()) ?? [];
    this.#stopPlaying();
    return { sequence: this.#sent.nextSequence, timestamp: facts?.rtpTimestamp ?? this.#ownTimestamp() };
  }

  #afterKeys(nextSequence: number): void {
    this.#sent = { ...this.#sent, nextSequence };
    this.#update();
  }

  #ownTimestamp(): number {
    const clockRateHz = this.#agreed?.format.track.clockRateHz ?? 0;
    return Math.round((this.#host.nowMs() * clockRateHz) / 1000) % 2 ** 32;
  }

  /** An address translator forgets who says nothing. @see RFC 6263 section 4.2 */
  #keepOpen(): void {
    if (this.#agreed === undefined || this.#keys.busy || this.#viewer !== undefined) return;
    const { nextSequence } = this.#sent;
    const packet = encodeRtp({ ssrc: this.#ssrc, payloadType: this.#agreed.format.sendType, sequenceNumber: nextSequence & 0xffff, timestamp: this.#ownTimestamp(), payload: new Uint8Array(0) });
    this.#path.sender?.sendRtp(packet, nextSequence);
    this.#sent = { ...this.#sent, nextSequence: nextSequence + 1 };
  }
}

/** Samples of the octets of sound in G.711; undefined for any other. */
function samplesOf(agreed: AgreedSection | undefined): Int16Array | undefined {
  const codec = agreed?.format.track.codec;
  return codec === 'pcmu' ? MU_LAW_SAMPLES : codec === 'pcma' ? A_LAW_SAMPLES : undefined;
}

function nothingSent(ssrc: number): RtpLineState {
  const nextSequence = randomInt(FIRST_SEQUENCE_MIN, FIRST_SEQUENCE_END);
  return { ssrc, trackId: '', space: -1, sequenceOffset: 0, shiftTicks: 0, firstSequence: 0, nextSequence, rtxSequence: 0, packets: 0, octets: 0, rtxPackets: 0, rtxOctets: 0, phase: 'waiting', cursor: 0 };
}

function isSameFormat(a: AgreedSection, b: AgreedSection): boolean {
  return a.format.track.codec === b.format.track.codec && a.format.track.clockRateHz === b.format.track.clockRateHz && a.format.sendType === b.format.sendType;
}

function readRtcp(compound: Uint8Array): readonly RtcpPacket[] {
  try {
    return parseRtcp(compound);
  } catch (error) {
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}
