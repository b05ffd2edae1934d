/** Plays a stream from the HLS server of this host: some seconds late, through any firewall, with every codec that HLS carries. */
import { formatBits } from './common.js';

const CODECS = { avc1: 'H264', avc3: 'H264', hvc1: 'HEVC', hev1: 'HEVC', av01: 'AV1', vp09: 'VP9', mp4a: 'AAC', opus: 'Opus' };

/** The playlist; what else the page was asked with (a token) is passed on. */
export function playlistUrl(name, query) {
  const { hlsPort, hlsTlsPort } = document.body.dataset;
  const url = new URL(`${location.protocol}//${location.hostname}:${location.protocol === 'https:' ? hlsTlsPort : hlsPort}`);
  const segment = encodeURIComponent(name);
  url.pathname = `/${segment}/${segment}.m3u8`;
  for (const [key, value] of query) if (key !== 'name' && key !== 'via') url.searchParams.append(key, value);
  return url.href;
}

/** Starts to play, and answers `{ stop, facts }`. See player.client.js for what it is given. */
export function startHls(parts) {
  if (window.Hls?.isSupported()) return startWithHls(parts);
  if (parts.video.canPlayType('application/vnd.apple.mpegurl') !== '') return startNatively(parts);
  queueMicrotask(() => parts.onFailure({ type: 'unsupported', headline: "This browser can't play HLS" }));
  return { stop: () => undefined, facts: () => ({}) };
}

function failureOf(status) {
  if (status === 401 || status === 403) return { type: 'refused' };
  if (status === 404) return { type: 'absent' };
  if (status === 0 || status === undefined) return { type: 'unreachable', server: 'HLS server', opens: location.protocol === 'https:' };
  return { type: 'unready', advice: `The HLS server answered ${status}. The player tries again.` };
}

function startWithHls({ video, name, query, onReady, onFailure }) {
  const noRetry = { default: { maxTimeToFirstByteMs: 12_000, maxLoadTimeMs: 20_000, timeoutRetry: null, errorRetry: null } };
  const hls = new Hls({ lowLatencyMode: true, backBufferLength: 30, maxLiveSyncPlaybackRate: 1.1, manifestLoadPolicy: noRetry });
  let recoveries = 0;
  let codecs = [];
  hls.on(Hls.Events.ERROR, (_event, { fatal, type, response }) => {
    if (!fatal) return;
    if (type === Hls.ErrorTypes.MEDIA_ERROR && recoveries++ < 2) hls.recoverMediaError();
    else if (type === Hls.ErrorTypes.NETWORK_ERROR) onFailure(failureOf(response?.code));
    else onFailure({ type: 'undecodable' });
  });
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    recoveries = 0;
    onReady();
  });
  hls.on(Hls.Events.BUFFER_CODECS, (_event, { video: picture, audio: sound, audiovideo: both }) => (codecs = [picture, sound, both].flatMap((track) => track?.codec?.split(',') ?? [])));
  hls.loadSource(playlistUrl(name, query));
  hls.attachMedia(video);
  return { stop: () => hls.destroy(), facts: () => ({ ...factsOf(video), ...factsOfHls(hls, codecs) }) };
}

/** Browsers that play HLS by themselves tell no status, so that it is asked for first. */
function startNatively({ video, name, query, onReady, onFailure }) {
  const abort = new AbortController();
  const address = playlistUrl(name, query);
  const begin = async () => {
    try {
      const { ok, status } = await fetch(address, { cache: 'no-store', signal: abort.signal });
      if (abort.signal.aborted) return;
      if (!ok) return onFailure(failureOf(status));
      video.src = address;
      onReady();
    } catch {
      if (!abort.signal.aborted) onFailure(failureOf(undefined));
    }
  };
  void begin();
  const stop = () => {
    abort.abort();
    video.removeAttribute('src');
    video.load();
  };
  return { stop, facts: () => factsOf(video) };
}

function factsOf(video) {
  const quality = video.getVideoPlaybackQuality?.();
  return {
    progress: video.currentTime,
    protocol: 'HLS',
    buffer: `${bufferAheadS(video).toFixed(1)} s`,
    lost: quality === undefined ? undefined : `${quality.droppedVideoFrames} of ${quality.totalVideoFrames}`,
  };
}

function factsOfHls({ latency, bandwidthEstimate }, codecs) {
  const names = codecs.map((codec) => CODECS[codec.trim().slice(0, 4).toLowerCase()] ?? codec);
  return {
    latency: latency > 0 ? `${latency.toFixed(1)} s` : '–',
    bandwidth: bandwidthEstimate > 0 ? formatBits(bandwidthEstimate) : '–',
    codec: names.length === 0 ? undefined : names.join(' · '),
  };
}

function bufferAheadS({ buffered, currentTime }) {
  for (let index = 0; index < buffered.length; index++) {
    if (buffered.start(index) <= currentTime + 0.1 && buffered.end(index) >= currentTime) return buffered.end(index) - currentTime;
  }
  return 0;
}
