/** Plays a stream by WebRTC, signalled by WHEP: less than a second late, where the server offers it. */
import { formatBits } from './common.js';
import { endpointOf, negotiate, OfferError, readStats, watchConnection } from './webrtc.js';

/** A connection that has neither picture nor sound by then is given up. */
const FIRST_MEDIA_MS = 8000;
/** How long one kind of media waits for the other before it goes on alone. */
const OTHER_KIND_MS = 3000;

const NO_SOUND = "This stream's sound can't come in real time: WebRTC doesn't carry AAC, for one. Enable the transcoder plugin.";

/** Starts to play, and answers `{ stop, facts }`. See player.client.js for what it is given. */
export function startWhep(parts) {
  if (window.RTCPeerConnection === undefined) {
    queueMicrotask(() => parts.onFailure({ type: 'impossible', reason: 'This browser has no WebRTC, or it is turned off.' }));
    return { stop: () => undefined, facts: () => ({}) };
  }
  const playback = new WhepPlayback(parts);
  void playback.begin();
  return playback;
}

class WhepPlayback {
  #parts;
  #peer = new RTCPeerConnection();
  #stream = new MediaStream();
  #abort = new AbortController();
  #leave = () => undefined;
  #wasConnected = false;
  #timers = [];
  #last = { atMs: 0, bytes: 0, delayS: 0, emitted: 0 };

  constructor(parts) {
    this.#parts = parts;
    for (const kind of ['video', 'audio']) this.#peer.addTransceiver(kind, { direction: 'recvonly' });
    this.#peer.addEventListener('track', ({ track }) => {
      this.#stream.addTrack(track);
      // Also what was given up as absent, and comes after all.
      track.addEventListener('unmute', () => this.#stream.addTrack(track));
    });
    watchConnection(this.#peer, {
      onConnected: () => (this.#wasConnected = true),
      onFailed: () => this.#fail(this.#wasConnected ? { type: 'lost' } : { type: 'impossible', reason: 'No way for media was found between this browser and the server (ICE failed).' }),
      onClosed: () => this.#fail({ type: 'ended' }),
    });
  }

  async begin() {
    const { video, name, query, onReady, onNote } = this.#parts;
    try {
      const endpoint = endpointOf('whep', name, query);
      const { leave, refused, warning } = await negotiate(this.#peer, endpoint, { token: query.get('token'), signal: this.#abort.signal });
      this.#leave = leave;
      if (this.#abort.signal.aborted) return leave();
      if (refused.includes('audio')) onNote(warning ?? NO_SOUND);
      this.#timers = [setTimeout(() => void this.#checkStart(), FIRST_MEDIA_MS), setTimeout(() => void this.#checkKinds(warning), OTHER_KIND_MS)];
      video.srcObject = this.#stream;
      onReady();
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#fail(failureOf(error));
    }
  }

  stop() {
    this.#abort.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#leave();
    this.#peer.close();
    this.#parts.video.srcObject = null;
  }

  async facts() {
    if (this.#abort.signal.aborted) return {};
    const { video, audio, bytes, codecs, protocol, roundTripMs } = await readStats(this.#peer, 'inbound');
    const { jitterBufferDelay: delayS = 0, jitterBufferEmittedCount: emitted = 0 } = video ?? audio ?? {};
    const now = { atMs: performance.now(), bytes, delayS, emitted };
    const last = this.#last;
    this.#last = now;
    const bitrate = (8000 * (bytes - last.bytes)) / (now.atMs - last.atMs);
    return {
      // The clock of the element may go on without any media.
      progress: video?.framesDecoded > 0 ? video.framesDecoded : bytes,
      protocol,
      codec: codecs,
      roundTrip: roundTripMs === undefined ? undefined : `${Math.round(roundTripMs)} ms`,
      buffer: emitted > last.emitted ? `${Math.round((1000 * (delayS - last.delayS)) / (emitted - last.emitted))} ms` : undefined,
      bitrate: last.atMs === 0 ? undefined : formatBits(bitrate),
      lost: video === undefined ? undefined : `${video.framesDropped ?? 0} of ${video.framesReceived ?? 0}`,
      packetsLost: String(Math.max(0, video?.packetsLost ?? 0) + Math.max(0, audio?.packetsLost ?? 0)),
    };
  }

  #fail(failure) {
    if (this.#abort.signal.aborted) return;
    this.#parts.onFailure(failure);
  }

  /** Nothing to see or hear after a while has a reason that can be told. */
  async #checkStart() {
    const { video, audio, bytes } = await readStats(this.#peer, 'inbound');
    const [pictures, sounds] = [video, audio].map((each) => each?.packetsReceived ?? 0);
    if ((video?.framesDecoded ?? 0) > 0 || (pictures === 0 && sounds > 0)) return;
    if (!this.#wasConnected) this.#fail({ type: 'impossible', reason: `No way for media was found between this browser and the server within ${FIRST_MEDIA_MS / 1000} s (ICE).` });
    else if (bytes === 0) this.#fail({ type: 'silent' });
    else this.#fail({ type: 'impossible', reason: "This browser got the stream's video and could not show it." });
  }

  /** A stream of one kind plays without waiting for the other; where sound is missing, the server's warning says why. */
  async #checkKinds(warning) {
    const { video, audio } = await readStats(this.#peer, 'inbound');
    const [pictures, sounds] = [video, audio].map((each) => each?.packetsReceived ?? 0);
    if (pictures === 0 && sounds > 0) for (const track of this.#stream.getVideoTracks()) this.#stream.removeTrack(track);
    if ((pictures === 0 || sounds === 0) && warning !== undefined) this.#parts.onNote(warning);
  }
}

function failureOf(error) {
  if (!(error instanceof OfferError)) return { type: 'impossible', reason: `This browser couldn't take the server's answer (${error.message}).` };
  const { status, code, message, isTimeout, isUnserved } = error;
  if (status === 401 || status === 403) return { type: 'refused' };
  if (status === 0 && !isTimeout) return { type: 'unreachable', server: 'server' };
  if (isUnserved) return { type: 'impossible', reason: "This server doesn't offer WebRTC: the plugin webrtc is off." };
  if (status === 404) return { type: 'absent' };
  if (code === 'MEDIA_E_NO_COMMON_CODEC' || [406, 415, 422].includes(status)) return { type: 'impossible', reason: `WebRTC can't carry this stream to this browser: ${message}` };
  return { type: 'impossible', reason: message };
}
