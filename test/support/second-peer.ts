import type { ExecutionContext } from 'ava';
import { Audio, cleanup, H264RtpPacketizer, PeerConnection, RtcpNackResponder, RtcpReceivingSession, RtcpSrReporter, RtpPacketizationConfig, RtpPacketizer, Video, type Direction, type MediaHandler, type Track } from 'node-datachannel';
import { until } from './until.ts';
import { FrameAssembly } from './webrtc/frame-assembly.ts';
import { TICKS_PER_MS, type RtpClip } from './webrtc/rtp-clip.ts';
import { PayloadType } from './webrtc/session-description.ts';
import { headerBytes, isRtcp } from './webrtc/srtp.ts';
import { postOffer, type HttpSession } from './webrtc/whip-client.ts';

const SSRC = { video: 0x5ec0_0001, audio: 0x5ec0_0002 } as const;
const CNAME = 'second-peer';
const TICK_MS = 5;
const NACK_PACKETS_KEPT = 1024;

/** The binding frees what the library still uses when one of its objects is collected: none may be, until the process ends. */
const kept: unknown[] = [];

function keep<T>(object: T): T {
  kept.push(object);
  return object;
}

/** A peer of libdatachannel: its ICE, DTLS, SRTP and RTCP are nobody's of ours. */
class Connection {
  readonly pc: PeerConnection;
  readonly video: Track;
  readonly audio: Track;
  session: HttpSession | undefined;

  constructor(direction: Direction) {
    this.pc = keep(new PeerConnection(CNAME, { iceServers: [], bindAddress: '127.0.0.1', disableAutoNegotiation: true }));
    const video = keep(new Video('video', direction));
    video.addH264Codec(PayloadType.VIDEO);
    const audio = keep(new Audio('audio', direction));
    audio.addOpusCodec(PayloadType.AUDIO);
    if (direction === 'SendOnly') {
      video.addSSRC(SSRC.video, CNAME, 'stream', 'video');
      audio.addSSRC(SSRC.audio, CNAME, 'stream', 'audio');
    }
    this.audio = keep(this.pc.addTrack(audio));
    this.video = keep(this.pc.addTrack(video));
  }

  get state(): string {
    return this.pc.state();
  }

  /** Offers with all candidates and waits for the connection. */
  async connect(t: Pick<ExecutionContext, 'teardown'>, url: string, rewrite: (answer: string) => string): Promise<void> {
    t.teardown(() => this.close());
    this.pc.setLocalDescription('offer');
    await until(() => this.pc.gatheringState() === 'complete', 'the candidates');
    this.session = await postOffer(url, this.pc.localDescription()?.sdp ?? '');
    this.pc.setRemoteDescription(rewrite(this.session.answer), 'answer');
    await until(() => this.pc.state() === 'connected' && this.video.isOpen(), 'the second implementation to connect');
  }

  close(): void {
    this.pc.close();
  }
}

/** Ends the library's threads, which keep a process alive: the last thing that a test file does. */
export function releaseSecondPeers(): void {
  cleanup();
}

/** Where a peer goes, and what becomes of the answer on its way. */
export interface SecondPeerOptions {
  readonly url: string;
  readonly rewriteAnswer?: (answer: string) => string;
}

/** Publishes a clip in real time, again and again; packets are made by libdatachannel, which answers NACKs too. */
export class SecondPublisher {
  readonly #connection = new Connection('SendOnly');
  readonly #clip: RtpClip;
  readonly #configs = {
    video: keep(new RtpPacketizationConfig(SSRC.video, CNAME, PayloadType.VIDEO, TICKS_PER_MS.video * 1000)),
    audio: keep(new RtpPacketizationConfig(SSRC.audio, CNAME, PayloadType.AUDIO, TICKS_PER_MS.audio * 1000)),
  };
  #next = 0;
  #startedAtMs = 0;

  private constructor(clip: RtpClip) {
    this.#clip = clip;
    const chain = (packetizer: RtpPacketizer, track: Track): void => {
      packetizer.addToChain(keep(new RtcpSrReporter(keep(packetizer.rtpConfig))));
      packetizer.addToChain(keep(new RtcpNackResponder(NACK_PACKETS_KEPT)));
      track.setMediaHandler(packetizer);
    };
    chain(keep(new H264RtpPacketizer('Length', this.#configs.video)), this.#connection.video);
    chain(keep(new RtpPacketizer(this.#configs.audio)), this.#connection.audio);
  }

  /** Publishes until the end of `t`: a test, or whoever else tears down. */
  static async start(t: Pick<ExecutionContext, 'teardown'>, clip: RtpClip, { url, rewriteAnswer = same }: SecondPeerOptions): Promise<SecondPublisher> {
    const publisher = new SecondPublisher(clip);
    await publisher.#connection.connect(t, url, rewriteAnswer);
    publisher.#startedAtMs = performance.now();
    const timer = setInterval(() => publisher.#tick(), TICK_MS);
    t.teardown(() => clearInterval(timer));
    return publisher;
  }

  get state(): string {
    return this.#connection.state;
  }

  /** Ends the session by HTTP. */
  async end(): Promise<number> {
    const status = await this.#connection.session?.end();
    this.#connection.close();
    return status ?? 0;
  }

  #tick(): void {
    const { frames, durationMs } = this.#clip;
    for (;;) {
      const frame = frames[this.#next % frames.length];
      if (frame === undefined) return;
      const atMs = frame.atMs + Math.floor(this.#next / frames.length) * durationMs;
      if (atMs > performance.now() - this.#startedAtMs || this.#connection.state !== 'connected') return;
      this.#next++;
      this.#configs[frame.kind].timestamp = Math.round(atMs * TICKS_PER_MS[frame.kind]) >>> 0;
      this.#connection[frame.kind].sendMessageBinary(frame.sample);
    }
  }
}

/** Plays and puts frames together; libdatachannel opens the packets and reports on them. */
export class SecondPlayer {
  readonly video = new FrameAssembly();
  audioPackets = 0;
  readonly #connection = new Connection('RecvOnly');

  private constructor() {
    // A handler that reports; one for each track, because it keeps that track's numbers.
    const reporting = (): MediaHandler => keep(new RtcpReceivingSession());
    this.#connection.video.setMediaHandler(reporting());
    this.#connection.audio.setMediaHandler(reporting());
    this.#connection.video.onMessage((packet) => this.#onVideo(packet));
    this.#connection.audio.onMessage((packet) => {
      if (!isRtcp(packet)) this.audioPackets++;
    });
  }

  static async start(t: ExecutionContext, { url, rewriteAnswer = same }: SecondPeerOptions): Promise<SecondPlayer> {
    const player = new SecondPlayer();
    await player.#connection.connect(t, url, rewriteAnswer);
    return player;
  }

  get state(): string {
    return this.#connection.state;
  }

  requestKeyFrame(): void {
    this.#connection.video.requestKeyframe();
  }

  /** Ends the session by HTTP. */
  async end(): Promise<number> {
    const status = await this.#connection.session?.end();
    this.#connection.close();
    return status ?? 0;
  }

  #onVideo(packet: Buffer): void {
    if (isRtcp(packet) || packet.length < 12) return;
    const payload = packet.subarray(headerBytes(packet));
    this.video.onPacket(packet.readUInt16BE(2), packet.readUInt32BE(4), (packet.readUInt8(1) & 0x80) !== 0, payload);
  }
}

function same(answer: string): string {
  return answer;
}
