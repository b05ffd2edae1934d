/**
 * The player page. It plays by one of two back ends, `startWhep` and `startHls`, which are given
 * `{ video, name, query, onReady(), onNote(text), onFailure(failure) }` and answer `{ stop(), facts() }`; `facts().progress` changes while media comes. Whichever plays
 * says by `onFailure` why it doesn't, never before it has answered; what is done about it is decided here.
 */
import { byId, formatDuration, setText } from './common.js';
import { playlistUrl, startHls } from './player-hls.js';
import { startWhep } from './player-whep.js';

/** First and longest wait before the stream is asked for again. */
const RETRY_MIN_MS = 1500;
const RETRY_MAX_MS = 6000;
const FACTS_MS = 500;
/** A picture that stands still for so long is asked for anew. */
const STALL_MS = 8000;
const FACTS = ['latency', 'roundTrip', 'buffer', 'resolution', 'bitrate', 'bandwidth', 'lost', 'packetsLost', 'codec', 'protocol', 'played'];

const video = byId('video');
const query = new URLSearchParams(location.search);
const name = query.get('name')?.trim() ?? '';
const START = { webrtc: startWhep, hls: startHls };

/** What plays now; it is not what was chosen after a fall-back. */
let via = query.get('via') === 'hls' ? 'hls' : 'webrtc';
let playback;
let retryTimer;
let retryMs = RETRY_MIN_MS;
let playingSince;
let lastProgress;
let lastMovedAt = 0;

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
  byId('open').href = open ? playlistUrl(name, query) : '#';
  byId('curtain').hidden = false;
  byId('unmute').hidden = true;
}

/** A sentence about the way of playing, below the title; what it offers is to take the other way. */
function note(text, offer) {
  byId('note').hidden = text === undefined;
  setText(byId('note-text'), text ?? '');
  byId('note-action').hidden = offer === undefined;
  byId('note-action').dataset.via = offer ?? '';
  setText(byId('note-action'), offer === 'hls' ? 'Watch by HLS' : 'Try real time again');
}

function stop() {
  clearTimeout(retryTimer);
  playback?.stop();
  playback = undefined;
  playingSince = undefined;
}

function start() {
  stop();
  for (const input of byId('via').elements) input.checked = input.value === via;
  if (via === 'webrtc') note();
  // Whoever doesn't play any more has nothing to say.
  const abort = new AbortController();
  const ifCurrent = (react) => (fact) => void (abort.signal.aborted || react(fact));
  const started = START[via]({ video, name, query, onReady: ifCurrent(play), onNote: ifCurrent((text) => note(text, 'hls')), onFailure: ifCurrent(onFailure) });
  playback = {
    facts: () => started.facts(),
    stop: () => {
      abort.abort();
      started.stop();
    },
  };
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
function waitForServer({ server, opens = false }) {
  const advice = opens
    ? "If the certificate of this server isn't trusted, the browser refuses it silently: open the stream's address once and accept it. The player goes on by itself."
    : 'The player goes on by itself as soon as it answers.';
  draw({ state: 'no connection', kind: 'bad', headline: `The ${server} doesn't answer`, advice, busy: true, open: opens });
  startLater();
}

function giveUp(state, headline, advice, retry) {
  stop();
  draw({ state, kind: 'bad', headline, advice, retry });
}

function fallBack(reason) {
  via = 'hls';
  note(`${reason} Playing by HLS instead, some seconds late.`, 'webrtc');
  draw({ state: 'connecting', headline: 'Connecting …', busy: true });
  start();
}

function onFailure(failure) {
  const wasPlaying = playingSince !== undefined;
  const { type } = failure;
  if (type === 'refused') giveUp('refused', "You aren't allowed to watch this stream", 'Ask for a link with a valid token, then open that one.', true);
  else if (type === 'unsupported') giveUp('unsupported', failure.headline, 'Use a current version of Chrome, Edge, Firefox or Safari.', false);
  else if (type === 'impossible') fallBack(failure.reason);
  else if (type === 'lost') wait('The connection is lost', 'The player connects again by itself.');
  else if (type === 'undecodable') wait("The picture can't be shown", "This browser couldn't decode the stream. The player tries again.");
  else if (wasPlaying || type === 'ended') wait('The stream has stopped', 'It goes on here by itself when its publisher comes back.');
  else if (type === 'absent') wait("The stream isn't there yet", `Nobody publishes ${name} at the moment. It starts here by itself as soon as someone does.`);
  else if (type === 'silent') wait('Nothing comes of this stream', 'It is there, but its publisher sends nothing at the moment. The player tries again.');
  else if (type === 'unreachable') waitForServer(failure);
  else wait("The stream isn't ready", failure.advice);
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
  if (playback === undefined) return;
  byId('curtain').hidden = true;
  video.hidden = false;
  retryMs = RETRY_MIN_MS;
  playingSince ??= performance.now();
  lastMovedAt = performance.now();
  setState('live', 'good');
}

/** A live stream that ended may leave the last picture standing without any error. */
function checkStall(progress, now) {
  if (progress !== lastProgress || video.paused) {
    lastProgress = progress;
    lastMovedAt = now;
  } else if (now - lastMovedAt > STALL_MS) {
    wait('The stream has stopped', 'It goes on here by itself when its publisher comes back.');
  }
}

async function showFacts() {
  if (playingSince === undefined) return;
  const now = performance.now();
  const shown = playback;
  const { progress, ...facts } = await shown.facts();
  if (playback !== shown || playingSince === undefined) return;
  const all = { ...facts, resolution: video.videoWidth > 0 ? `${video.videoWidth}×${video.videoHeight}` : 'no video', played: formatDuration(now - playingSince) };
  for (const fact of FACTS) {
    byId(`fact-${fact}`).parentElement.hidden = all[fact] === undefined;
    setText(byId(`fact-${fact}`), all[fact] ?? '');
  }
  checkStall(progress, now);
}

/** The way that the user takes stands in the address, so that a link or a reload takes it too. */
function choose(next) {
  via = next;
  query.set('via', via);
  history.replaceState(null, '', `?${query}`);
  note();
  retryMs = RETRY_MIN_MS;
  begin();
}

function begin() {
  draw({ state: 'connecting', headline: 'Connecting …', busy: true });
  start();
}

function setUp() {
  setText(byId('title'), name);
  document.title = `${name} · WCS Core`;
  byId('via').hidden = false;
  byId('via').addEventListener('change', (event) => choose(event.target.value));
  byId('note-action').addEventListener('click', (event) => choose(event.currentTarget.dataset.via));
  video.addEventListener('playing', onPlaying);
  video.addEventListener('volumechange', () => (byId('unmute').hidden ||= !video.muted));
  byId('unmute').addEventListener('click', () => {
    video.muted = false;
    video.focus();
  });
  byId('retry').addEventListener('click', begin);
  addEventListener('pagehide', stop);
  addEventListener('pageshow', (event) => event.persisted && begin());
  setInterval(() => void showFacts(), FACTS_MS);
  begin();
}

if (name === '') {
  draw({ state: 'no stream', kind: '', headline: 'Which stream would you like to watch?', advice: 'The dashboard lists those that are published.' });
  byId('choose').hidden = false;
  byId('facts').hidden = true;
} else {
  setUp();
}
