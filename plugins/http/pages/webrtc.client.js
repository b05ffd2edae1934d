/** WHIP and WHEP as a browser speaks them, and the figures of a connection. See RFC 9725. */

/** An answer to an offer takes the server no longer. */
export const ANSWER_MS = 5000;

/** An offer that the server didn't take. `status` is 0 without any answer, and `isTimeout` tells a late one apart. */
export class OfferError extends Error {
  constructor(status, message, { code, isTimeout = false } = {}) {
    super(message);
    Object.assign(this, { status, code, isTimeout });
  }

  /** Nobody answers at that path: the server has no WebRTC, or it is off. */
  get isUnserved() {
    return this.status === 405 || (this.status === 404 && this.code !== 'MEDIA_E_NOT_FOUND');
  }
}

/** Address of a stream's endpoint: `endpointOf('whep', 'front/door', query)`. What else the page was asked with is passed on. */
export function endpointOf(protocol, name, query) {
  const url = new URL(`/${protocol}/${encodeURIComponent(name)}`, location.origin);
  for (const [key, value] of query) if (!['name', 'via', 'token'].includes(key)) url.searchParams.append(key, value);
  return url;
}

/**
 * Offers a connection to an endpoint and applies the answer. Resolves with the answer's facts and `leave`, which ends the
 * session there. The server's ICE servers come with its answer, so that gathering begins after it.
 *
 * Throws an `OfferError`; what `signal` aborts throws its reason.
 */
export async function negotiate(peer, endpoint, { token, signal }) {
  const authorization = token === null ? {} : { Authorization: `Bearer ${token}` };
  const offer = await peer.createOffer();
  const response = await post(endpoint, offer.sdp, authorization, signal);
  const text = await response.text();
  if (!response.ok) throw refusal(response, text);
  const leave = leaverOf(endpoint, response, authorization);
  try {
    signal.throwIfAborted();
    const iceServers = iceServersOf(response.headers.get('Link') ?? '');
    if (iceServers.length > 0) peer.setConfiguration({ iceServers });
    await peer.setLocalDescription(offer);
    await peer.setRemoteDescription({ type: 'answer', sdp: text });
  } catch (error) {
    leave();
    throw error;
  }
  return { leave, refused: refusedKinds(text), warning: warningOf(response.headers.get('Warning')) };
}

async function post(endpoint, sdp, authorization, signal) {
  const limit = AbortSignal.timeout(ANSWER_MS);
  const abort = new AbortController();
  for (const each of [limit, signal]) each.addEventListener('abort', () => abort.abort(), { once: true });
  try {
    const headers = { 'Content-Type': 'application/sdp', ...authorization };
    return await fetch(endpoint, { method: 'POST', body: sdp, headers, credentials: 'omit', cache: 'no-store', signal: abort.signal });
  } catch {
    signal.throwIfAborted();
    throw new OfferError(0, limit.aborted ? `The server didn't answer within ${ANSWER_MS / 1000} s.` : "The server doesn't answer.", { isTimeout: limit.aborted });
  }
}

/** The server's own sentence, as a problem (RFC 9457) or as the REST interface words it. */
function refusal({ status }, text) {
  const fallback = `The server answered ${status}.`;
  try {
    const { code, detail, error } = JSON.parse(text);
    return new OfferError(status, sentence(detail ?? error?.message ?? fallback), { code: code ?? error?.code });
  } catch {
    return new OfferError(status, fallback);
  }
}

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

/** Ends the session once, also while the page goes away. */
function leaverOf(endpoint, response, headers) {
  const location = response.headers.get('Location');
  let left = location === null;
  return () => {
    if (left) return;
    left = true;
    void fetch(new URL(location, endpoint), { method: 'DELETE', headers, credentials: 'omit', keepalive: true }).catch(() => undefined);
  };
}

function iceServersOf(link) {
  // A comma parts links only in front of the next address.
  return link.split(/,\s*(?=<)/).flatMap((entry) => {
    const [, urls, rest = ''] = /^\s*<([^>]+)>(.*)$/.exec(entry) ?? [];
    const parameter = (name) => new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(rest)?.[1].replace(/\\(.)/g, '$1');
    if (urls === undefined || !/;\s*rel="?ice-server"?/i.test(rest)) return [];
    return [{ urls, username: parameter('username'), credential: parameter('credential') }];
  });
}

/** Kinds of media that the answer has no use for: port 0, or inactive. */
function refusedKinds(sdp) {
  const sections = sdp.split(/^(?=m=)/m).slice(1);
  const refused = sections.filter((section) => /^m=\S+ 0 /.test(section) || /^a=inactive\s*$/m.test(section));
  return [...new Set(refused.map((section) => /^m=(\w+)/.exec(section)?.[1]))];
}

/** The text of `299 - "text"`. */
function warningOf(header) {
  const text = /"((?:[^"\\]|\\.)*)"/.exec(header ?? '')?.[1];
  return text?.replace(/\\(.)/g, '$1');
}

/**
 * Calls one of `onConnected`, `onFailed` (never connected, or not again) and `onClosed` (the other side hung up) as the
 * connection goes; a short interruption is nobody's business.
 */
export function watchConnection(peer, { onConnected, onFailed, onClosed }) {
  peer.addEventListener('connectionstatechange', () => {
    // There is no transport to watch before the answer.
    for (const { transport } of [...peer.getReceivers(), ...peer.getSenders()]) {
      if (transport !== null) transport.onstatechange = () => transport.state === 'closed' && onClosed();
    }
    if (peer.connectionState === 'connected') onConnected();
    if (peer.connectionState === 'failed') onFailed();
  });
}

/** Figures of a connection, now and then: what comes or goes in `direction` (`inbound` or `outbound`) and by which way. */
export async function readStats(peer, direction) {
  const stats = [...(await peer.getStats()).values()];
  const byId = new Map(stats.map((entry) => [entry.id, entry]));
  // Pictures first.
  const streams = stats.filter(({ type }) => type === `${direction}-rtp`).sort((one, other) => other.kind.localeCompare(one.kind));
  const transport = stats.find(({ type }) => type === 'transport');
  const pair = byId.get(transport?.selectedCandidatePairId) ?? stats.find(({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded');
  const codecs = streams.map(({ codecId }) => byId.get(codecId)?.mimeType?.replace(/^\w+\//, '').replace('opus', 'Opus')).filter((codec) => codec !== undefined);
  const remote = stats.find(({ type, kind }) => type === 'remote-inbound-rtp' && kind === 'video');
  return {
    video: streams.find(({ kind }) => kind === 'video'),
    audio: streams.find(({ kind }) => kind === 'audio'),
    bytes: streams.reduce((sum, { bytesReceived = 0, bytesSent = 0 }) => sum + bytesReceived + bytesSent, 0),
    codecs: codecs.length === 0 ? undefined : codecs.join(' · '),
    protocol: pair === undefined ? undefined : `WebRTC over ${(byId.get(pair.remoteCandidateId)?.protocol ?? 'udp').toUpperCase()}`,
    roundTripMs: pair?.currentRoundTripTime === undefined ? undefined : pair.currentRoundTripTime * 1000,
    packetsLost: remote?.packetsLost,
  };
}
