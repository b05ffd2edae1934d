/** Publishes tracks by WebRTC, signalled by WHIP. */
import { formatBits } from './common.js';
import { negotiate, OfferError, readStats, watchConnection } from './webrtc.js';

/** Media that has found no way by then is given up. */
const CONNECT_MS = 10_000;
/** Formats that only help others. */
const HELPERS = /\/(?:rtx|red|ulpfec|flexfec-03|CN|telephone-event)$/i;
const LIMITS = { cpu: 'this computer', bandwidth: 'the network' };

/** The codecs that this browser can send pictures in, best known first. */
export function videoCodecs() {
  const codecs = RTCRtpSender.getCapabilities?.('video')?.codecs ?? [];
  const names = new Set(codecs.filter(({ mimeType }) => !HELPERS.test(mimeType)).map(({ mimeType }) => mimeType.slice('video/'.length)));
  return ['H264', 'VP8', 'VP9', 'AV1', 'H265'].filter((codec) => names.has(codec));
}

/**
 * One attempt to publish. It calls `onLive(refused)` with the kinds that the server has no use for, then or instead `onFailure(failure)`, once, with a `type` of
 * `refused`, `taken`, `unserved`, `unreachable`, `rejected`, `blocked`, `lost` or `ended`.
 */
export class WhipPublication {
  #options;
  #peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  #senders = {};
  #abort = new AbortController();
  #leave = () => undefined;
  #refused = [];
  #wasLive = false;
  #timer;
  #last = { atMs: 0, bytes: 0 };

  constructor(options) {
    this.#options = options;
  }

  async begin() {
    const { tracks, codec, bitrateBps, endpoint, token, onLive } = this.#options;
    try {
      for (const track of tracks) this.#add(track, codec, bitrateBps);
      watchConnection(this.#peer, {
        onConnected: () => {
          clearTimeout(this.#timer);
          if (this.#wasLive || this.#abort.signal.aborted) return;
          this.#wasLive = true;
          onLive(this.#refused);
        },
        onFailed: () => this.#fail({ type: this.#wasLive ? 'lost' : 'blocked' }),
        onClosed: () => this.#fail({ type: 'ended' }),
      });
      const { leave, refused } = await negotiate(this.#peer, endpoint, { token, signal: this.#abort.signal });
      this.#leave = leave;
      this.#refused = refused;
      if (this.#abort.signal.aborted) return leave();
      if (!this.#wasLive) this.#timer = setTimeout(() => this.#fail({ type: 'blocked' }), CONNECT_MS);
    } catch (error) {
      this.#fail(failureOf(error));
    }
  }

  stop() {
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.#leave();
    this.#peer.close();
  }

  /** Sends another track of the same kind from now on, or none. False when there is nothing that it could stand in for. */
  async replace(kind, track) {
    await this.#senders[kind]?.replaceTrack(track);
    return this.#senders[kind] !== undefined || track === null;
  }

  async setBitrate(bitrateBps) {
    const sender = this.#senders.video;
    if (sender === undefined) return;
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.maxBitrate = bitrateBps;
    await sender.setParameters(parameters);
  }

  async facts() {
    if (this.#abort.signal.aborted) return {};
    const { video, bytes, codecs, protocol, roundTripMs, packetsLost } = await readStats(this.#peer, 'outbound');
    const { atMs, bytes: before } = this.#last;
    this.#last = { atMs: performance.now(), bytes };
    return {
      protocol,
      codec: codecs,
      bitrate: atMs === 0 ? undefined : formatBits((8000 * (bytes - before)) / (this.#last.atMs - atMs)),
      roundTrip: roundTripMs === undefined ? undefined : `${Math.round(roundTripMs)} ms`,
      resolution: video?.frameWidth === undefined ? undefined : `${video.frameWidth}×${video.frameHeight}`,
      frameRate: video?.framesPerSecond === undefined ? undefined : `${Math.round(video.framesPerSecond)} a second`,
      packetsLost: packetsLost === undefined ? undefined : String(Math.max(0, packetsLost)),
      limit: LIMITS[video?.qualityLimitationReason],
    };
  }

  #add(track, codec, bitrateBps) {
    const isVideo = track.kind === 'video';
    const transceiver = this.#peer.addTransceiver(track, { direction: 'sendonly', ...(isVideo ? { sendEncodings: [{ maxBitrate: bitrateBps }] } : {}) });
    this.#senders[track.kind] = transceiver.sender;
    if (!isVideo) return;
    const { codecs } = RTCRtpSender.getCapabilities('video');
    // The order is a wish: a server that hasn't got the first one takes the next.
    const rank = ({ mimeType }) => (mimeType === `video/${codec}` ? 0 : 1);
    transceiver.setCodecPreferences([...codecs].sort((one, other) => rank(one) - rank(other)));
  }

  #fail(failure) {
    if (this.#abort.signal.aborted) return;
    this.stop();
    this.#options.onFailure(failure);
  }
}

function failureOf(error) {
  if (!(error instanceof OfferError)) return { type: 'rejected', message: `This browser couldn't take the server's answer (${error.message}).` };
  const { status, message, isUnserved } = error;
  if (status === 0 || status >= 500) return { type: 'unreachable', message };
  if (status === 401 || status === 403) return { type: 'refused', message };
  if (status === 409) return { type: 'taken' };
  return isUnserved ? { type: 'unserved' } : { type: 'rejected', message };
}
