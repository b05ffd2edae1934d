import { byId, formatBits, formatDuration, setText } from './common.js';

/** First and longest wait before the stream is asked for again. */
const RETRY_MIN_MS = 1500;
const RETRY_MAX_MS = 6000;
const FACTS_MS = 500;
/** A picture that stands still for so long is asked for anew. */
const STALL_MS = 8000;

const video = byId('video');
const query = new URLSearchParams(location.search);
const name = query.get('name')?.trim() ?? '';

let hls;
let retryTimer;
let retryMs = RETRY_MIN_MS;
let recoveries = 0;
let playingSince;
let lastTime = 0;
let lastMovedAt = 0;

/** The playlist on the HLS server of this host; what else the page was asked with (a token) is passed on. */
function playlistUrl() {
  const secure = location.protocol === 'https:';
  const { hlsPort, hlsTlsPort } = document.body.dataset;
  const url = new URL(`${location.protocol}//${location.hostname}:${secure ? hlsTlsPort : hlsPort}`);
  const segment = encodeURIComponent(name);
  url.pathname = `/${segment}/${segment}.m3u8`;
  for (const [key, value] of query) if (key !== 'name') url.searchParams.append(key, value);
  return url.href;
}

function setState(text, kind) {
  setText(byId('state'), text);
  byId('state').className = `pill ${kind}`;
}

/** Covers the picture with a message. */
function draw({ state, kind = 'warn', headline, advice = '', busy = false, retry = false, open = false }) {
  setState(state, kind);
  setText(byId('headline'), headline);
  setText(byId('advice'), advice);
  byId('spinner').hidden = !busy;
  byId('retry').hidden = !retry;
  byId('open').hidden = !open;
  byId('open').href = open ? playlistUrl() : '#';
  byId('curtain').hidden = false;
  byId('unmute').hidden = true;
}

function stop() {
  clearTimeout(retryTimer);
  hls?.destroy();
  hls = undefined;
  playingSince = undefined;
}

/** Waits a little longer each time, up to `RETRY_MAX_MS`, and asks again. */
function startLater() {
  stop();
  retryTimer = setTimeout(start, retryMs);
  retryMs = Math.min(RETRY_MAX_MS, retryMs * 1.4);
}

function wait(headline, advice) {
  draw({ state: 'waiting', headline, advice, busy: true });
  startLater();
}

/** No answer at all: the server is down, or its certificate is not trusted on the HLS port. */
function waitForServer() {
  const secure = location.protocol === 'https:';
  const advice = secure
    ? "If the certificate of this server isn't trusted, the browser refuses it silently: open the stream's address once and accept it. The player goes on by itself."
    : 'The player goes on by itself as soon as it answers.';
  draw({ state: 'no connection', kind: 'bad', headline: "The HLS server doesn't answer", advice, busy: true, open: secure });
  startLater();
}

function refuse(advice) {
  stop();
  draw({ state: 'refused', kind: 'bad', headline: "You aren't allowed to watch this stream", advice, retry: true });
}

function onFailure(status, wasPlaying) {
  if (status === 401 || status === 403) refuse('Ask for a link with a valid token, then open that one.');
  else if (wasPlaying) wait('The stream has stopped', 'It goes on here by itself when its publisher comes back.');
  else if (status === 404) wait("The stream isn't there yet", `Nobody publishes ${name} at the moment. It starts here by itself as soon as someone does.`);
  else if (status === 0 || status === undefined) waitForServer();
  else wait("The stream isn't ready", `The HLS server answered ${status}. The player tries again.`);
}

/** Plays with sound where the browser allows it, else without and offers to turn it on. */
async function play() {
  try {
    await video.play();
  } catch (error) {
    if (error.name !== 'NotAllowedError') return;
    video.muted = true;
    byId('unmute').hidden = false;
    await video.play().catch(() => draw({ state: 'paused', headline: 'Ready to play', retry: true }));
  }
}

function onPlaying() {
  byId('curtain').hidden = true;
  video.hidden = false;
  retryMs = RETRY_MIN_MS;
  playingSince ??= performance.now();
  lastMovedAt = performance.now();
  setState('live', 'good');
}

function onHlsError(data) {
  if (!data.fatal) return;
  const wasPlaying = playingSince !== undefined;
  if (data.type === Hls.ErrorTypes.MEDIA_ERROR && recoveries++ < 2) hls.recoverMediaError();
  else if (data.type === Hls.ErrorTypes.NETWORK_ERROR) onFailure(data.response?.code, wasPlaying);
  else wait("The picture can't be shown", "This browser couldn't decode the stream. The player tries again.");
}

function startWithHls() {
  const noRetry = { default: { maxTimeToFirstByteMs: 12_000, maxLoadTimeMs: 20_000, timeoutRetry: null, errorRetry: null } };
  hls = new Hls({ lowLatencyMode: true, backBufferLength: 30, maxLiveSyncPlaybackRate: 1.1, manifestLoadPolicy: noRetry });
  hls.on(Hls.Events.ERROR, (_event, data) => onHlsError(data));
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    recoveries = 0;
    void play();
  });
  hls.loadSource(playlistUrl());
  hls.attachMedia(video);
}

/** Browsers that play HLS by themselves tell no status, so that it is asked for first. */
async function startNatively() {
  try {
    const response = await fetch(playlistUrl(), { cache: 'no-store' });
    if (!response.ok) return onFailure(response.status, false);
    video.src = playlistUrl();
    await play();
  } catch {
    onFailure(undefined, false);
  }
}

function start() {
  stop();
  if (window.Hls?.isSupported()) startWithHls();
  else if (video.canPlayType('application/vnd.apple.mpegurl') !== '') void startNatively();
  else draw({ state: 'unsupported', kind: 'bad', headline: "This browser can't play HLS", advice: 'Use a current version of Chrome, Edge, Firefox or Safari.' });
}

function bufferAhead() {
  const { buffered, currentTime } = video;
  for (let index = 0; index < buffered.length; index++) {
    if (buffered.start(index) <= currentTime + 0.1 && buffered.end(index) >= currentTime) return buffered.end(index) - currentTime;
  }
  return 0;
}

/** A live stream that ended leaves the last picture standing without any error. */
function checkStall(now) {
  if (video.currentTime !== lastTime || video.paused) {
    lastTime = video.currentTime;
    lastMovedAt = now;
  } else if (now - lastMovedAt > STALL_MS) {
    wait('The stream has stopped', 'It goes on here by itself when its publisher comes back.');
  }
}

function showFacts() {
  if (playingSince === undefined) return;
  const now = performance.now();
  const latencyS = hls?.latency;
  setText(byId('fact-latency'), latencyS > 0 ? `${latencyS.toFixed(1)} s` : '–');
  setText(byId('fact-resolution'), video.videoWidth > 0 ? `${video.videoWidth}×${video.videoHeight}` : 'no video');
  setText(byId('fact-buffer'), `${bufferAhead().toFixed(1)} s`);
  setText(byId('fact-bandwidth'), hls?.bandwidthEstimate > 0 ? formatBits(hls.bandwidthEstimate) : '–');
  const quality = video.getVideoPlaybackQuality?.();
  setText(byId('fact-lost'), quality === undefined ? '–' : `${quality.droppedVideoFrames} of ${quality.totalVideoFrames}`);
  setText(byId('fact-played'), formatDuration(now - playingSince));
  checkStall(now);
}

function begin() {
  setText(byId('title'), name);
  document.title = `${name} · WCS Core`;
  draw({ state: 'connecting', headline: 'Connecting …', busy: true });
  video.addEventListener('playing', onPlaying);
  video.addEventListener('volumechange', () => (byId('unmute').hidden ||= !video.muted));
  byId('unmute').addEventListener('click', () => {
    video.muted = false;
    video.focus();
  });
  byId('retry').addEventListener('click', () => {
    draw({ state: 'connecting', headline: 'Connecting …', busy: true });
    start();
  });
  setInterval(showFacts, FACTS_MS);
  start();
}

if (name === '') {
  draw({ state: 'no stream', kind: '', headline: 'Which stream would you like to watch?', advice: 'The dashboard lists those that are published.' });
  byId('choose').hidden = false;
  byId('facts').hidden = true;
} else {
  begin();
}
