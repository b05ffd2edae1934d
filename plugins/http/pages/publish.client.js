/** The publishing page: a preview of what this computer gives, and a connection that sends it. */
import { byId, formatDuration, h, setText } from './common.js';
import { canShareScreen, capture, isCapturable, listDevices, videoConstraints } from './publish-capture.js';
import { videoCodecs, WhipPublication } from './publish-whip.js';
import { faultOfName } from './stream-name.js';
import { endpointOf } from './webrtc.js';

/** First and longest wait before a lost connection is made again. */
const RETRY_MIN_MS = 1500;
const RETRY_MAX_MS = 6000;
const FACTS_MS = 1000;
const FACTS = ['bitrate', 'frameRate', 'resolution', 'roundTrip', 'packetsLost', 'codec', 'protocol', 'limit', 'live'];
const CODEC_NAMES = { H264: 'H.264', H265: 'HEVC' };
const MUTES = { audio: 'mute-sound', video: 'mute-picture' };

const query = new URLSearchParams(location.search);
const preview = byId('preview');
const stream = new MediaStream();

/** `idle`, `starting`, `live` or `retrying`. */
let state = 'idle';
let publication;
let retryTimer;
let retryMs = RETRY_MIN_MS;
let liveSince;
let hasAsked = false;
/** Changes of devices come one after the other. */
let capturing = Promise.resolve();

const choice = () => ({ picture: byId('picture').value, sound: byId('sound').value, height: Number(byId('height').value) });
const trackOf = (kind) => stream.getTracks().find((track) => track.kind === kind);

function notice(text, good = false) {
  byId('notice').hidden = text === undefined;
  byId('notice').className = good ? 'notice good' : 'notice';
  setText(byId('notice'), text ?? '');
}

/** Covers the preview with a message; without one the preview is seen. */
function cover({ headline, advice = '', allow, secure = false, busy = false } = {}) {
  byId('curtain').hidden = headline === undefined;
  setText(byId('headline'), headline ?? '');
  setText(byId('advice'), advice);
  byId('spinner').hidden = !busy;
  byId('allow').hidden = allow === undefined;
  setText(byId('allow'), allow ?? '');
  byId('secure').hidden = !secure;
}

function showState(next, text, kind) {
  state = next;
  setText(byId('state'), text);
  byId('state').className = `pill ${kind}`;
  const isActive = state !== 'idle';
  setText(byId('go'), isActive ? 'Stop publishing' : 'Start publishing');
  byId('go').className = isActive ? 'large stop' : 'primary large';
  for (const id of ['name', 'codec']) byId(id).disabled = isActive;
  byId('watch').hidden = state !== 'live';
  byId('facts').hidden = state !== 'live';
}

/** What the stream has stands in the preview, and the buttons below it fit. */
function showTracks() {
  const video = trackOf('video');
  preview.hidden = video === undefined;
  preview.classList.toggle('mirrored', byId('picture').value.startsWith('camera'));
  // An empty one would keep the page loading.
  if (video !== undefined) preview.srcObject ??= stream;
  if (video !== undefined) cover();
  else if (trackOf('audio') !== undefined) cover({ headline: 'Sound only', advice: 'No picture is published.' });
  else cover({ headline: 'Nothing is chosen', advice: 'Choose a picture, a sound or both.' });
  for (const [kind, id] of Object.entries(MUTES)) {
    byId(id).disabled = trackOf(kind) === undefined;
    byId(id).setAttribute('aria-pressed', String(trackOf(kind)?.enabled === false));
  }
}

function removeTrack(track) {
  track.stop();
  stream.removeTrack(track);
}

/** Takes picture and sound, or one of them, as they are chosen. Resolves with false, and a message, where that fails. */
async function take(kinds) {
  hasAsked = true;
  const { picture, sound, height } = choice();
  if (kinds.includes('video') && picture !== 'screen' && trackOf('video') === undefined) cover({ headline: 'Waiting for the browser …', advice: 'It may ask whether this page may use the camera and the microphone.', busy: true });
  const before = stream.getTracks().filter(({ kind }) => kinds.includes(kind));
  // Some devices serve one at a time.
  for (const track of before) removeTrack(track);
  try {
    const tracks = await capture({ picture: kinds.includes('video') ? picture : 'none', sound: kinds.includes('audio') ? sound : 'none', height });
    for (const track of tracks) adopt(track, before);
    await fillDevices();
    showTracks();
    return true;
  } catch (error) {
    showTracks();
    cover({ headline: error.message, advice: error.advice ?? '', allow: 'Try again' });
    return false;
  }
}

/** A track that takes another's place stays muted when that was. */
function adopt(track, before) {
  track.enabled = before.find(({ kind }) => kind === track.kind)?.enabled ?? true;
  track.addEventListener('ended', () => onTrackEnded(track));
  stream.addTrack(track);
}

/** The device is unplugged, or the browser's own button ends the sharing. */
function onTrackEnded(track) {
  if (!stream.getTracks().includes(track)) return;
  removeTrack(track);
  const isScreen = track.kind === 'video' && byId('picture').value === 'screen';
  const was = isScreen ? 'The screen is no longer shared.' : `The ${track.kind === 'video' ? 'camera' : 'microphone'} is gone.`;
  if (state !== 'idle') stop(`${was} Publishing has stopped.`);
  showTracks();
  cover({ headline: was.slice(0, -1), advice: 'Choose what to publish, then start again.', allow: 'Show the preview' });
}

function inTurn(work) {
  capturing = capturing.then(work, work);
  return capturing;
}

/** Another device, or none: before the start for the preview, after it also for the viewers. */
async function change(kind) {
  if (!hasAsked) return;
  await take([kind]);
  if (publication === undefined) return;
  if (!(await publication.replace(kind, trackOf(kind) ?? null))) restart();
}

/** A kind of media that the connection hasn't got takes a new one. */
function restart() {
  publication.stop();
  connect();
}

async function resize() {
  const { picture, height } = choice();
  await trackOf('video')?.applyConstraints(videoConstraints(picture, height)).catch(() => undefined);
}

async function start() {
  const fault = checkName();
  if (fault !== undefined) return byId('name').focus();
  notice();
  showState('starting', 'starting', 'warn');
  const { picture, sound } = choice();
  const missing = [picture === 'none' ? undefined : 'video', sound === 'none' ? undefined : 'audio'].filter((kind) => kind !== undefined && trackOf(kind) === undefined);
  const isTaken = missing.length === 0 || (await inTurn(() => take(missing)));
  if (state !== 'starting') return;
  if (!isTaken) return showState('idle', 'not publishing', '');
  if (stream.getTracks().length === 0) return stop('Choose a picture, a sound or both.');
  query.set('name', byId('name').value.trim());
  history.replaceState(null, '', `?${query}`);
  byId('watch').href = `/player?name=${encodeURIComponent(query.get('name'))}`;
  retryMs = RETRY_MIN_MS;
  connect();
}

function connect() {
  if (state !== 'retrying') showState('starting', 'connecting', 'warn');
  liveSince = undefined;
  publication = new WhipPublication({
    tracks: stream.getTracks(),
    codec: byId('codec').value,
    bitrateBps: Number(byId('bitrate').value),
    endpoint: endpointOf('whip', query.get('name'), query),
    token: query.get('token'),
    onLive,
    onFailure,
  });
  void publication.begin();
}

function onLive(refused) {
  liveSince = performance.now();
  retryMs = RETRY_MIN_MS;
  showState('live', 'live', 'good');
  notice(refused.length === 0 ? undefined : `The server takes no ${refused.map((kind) => (kind === 'audio' ? 'sound' : 'picture')).join(' and no ')} in a codec that this browser has.`);
}

function onFailure({ type, message }) {
  const name = query.get('name');
  const isReturn = state === 'retrying' || state === 'live';
  if (type === 'lost' || (isReturn && ['unreachable', 'blocked', 'taken'].includes(type))) return startLater();
  const texts = {
    taken: `Somebody else publishes ${name} already. Choose another name.`,
    refused: `The server doesn't let you publish ${name}. ${query.has('token') ? 'The token of this page may be wrong or out of date.' : 'It may want a token: open this page by a link that has one (?token=…).'}`,
    unserved: "This server doesn't take streams from browsers: the plugin webrtc is off.",
    unreachable: message,
    rejected: message,
    blocked: 'The server answered, and then no way for media was found (ICE failed). A firewall between here and the server may be closed for its WebRTC ports.',
    ended: 'The server has ended this stream.',
  };
  stop(texts[type]);
}

/** Tries again until it succeeds or the user stops it. */
function startLater() {
  showState('retrying', 'reconnecting', 'warn');
  notice('The connection to the server is lost. It is made again as soon as the server answers.');
  clearTimeout(retryTimer);
  retryTimer = setTimeout(connect, retryMs);
  retryMs = Math.min(RETRY_MAX_MS, retryMs * 1.4);
}

function stop(reason) {
  clearTimeout(retryTimer);
  publication?.stop();
  publication = undefined;
  liveSince = undefined;
  showState('idle', reason === undefined ? 'not publishing' : 'stopped', reason === undefined ? '' : 'bad');
  notice(reason);
}

function checkName() {
  const fault = faultOfName(byId('name').value.trim());
  byId('name-fault').hidden = fault === undefined;
  setText(byId('name-fault'), fault ?? '');
  byId('name').setAttribute('aria-invalid', String(fault !== undefined));
  return fault;
}

function fill(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => h('option', { value }, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

/** The devices that there are; with names once the browser tells them. */
async function fillDevices() {
  const { cameras, microphones } = await listDevices();
  // The device without an id stands for the first one, and turns into it.
  for (const [id, kind] of [['picture', 'video'], ['sound', 'audio']]) {
    const select = byId(id);
    const list = kind === 'video' ? cameras.map(({ id, label }) => [`camera:${id}`, label]) : microphones.map(({ id, label }) => [`microphone:${id}`, label]);
    const isVague = select.value.endsWith(':');
    fill(select, [...list, ...(kind === 'video' && canShareScreen() ? [['screen', 'Screen, window or tab']] : []), ['none', kind === 'video' ? 'No picture' : 'No sound']]);
    const real = list.find(([value]) => value.endsWith(`:${trackOf(kind)?.getSettings().deviceId}`));
    if (isVague && real !== undefined) select.value = real[0];
  }
}

async function showFacts() {
  if (state !== 'live') return;
  const facts = await publication.facts();
  if (state !== 'live') return;
  const all = { ...facts, live: formatDuration(performance.now() - liveSince) };
  for (const fact of FACTS) {
    byId(`fact-${fact}`).parentElement.hidden = all[fact] === undefined;
    setText(byId(`fact-${fact}`), all[fact] ?? '');
  }
}

function toggle(kind) {
  const track = trackOf(kind);
  if (track === undefined) return;
  track.enabled = !track.enabled;
  showTracks();
}

/** Without encryption no browser gives devices to a page; the same page may be had encrypted. */
function explainInsecurity() {
  const { tlsPort } = document.body.dataset;
  const hasTls = tlsPort !== 'off' && !window.isSecureContext;
  const advice = hasTls
    ? 'Browsers give camera and microphone to encrypted pages only. The same page is there encrypted; a certificate that the server made for itself has to be accepted once.'
    : 'Browsers give camera and microphone to encrypted pages and to localhost only. Open this page so, in a current browser.';
  cover({ headline: "This page can't use the camera here", advice, secure: hasTls });
  for (const field of byId('setup').elements) field.disabled = true;
  if (hasTls) byId('secure').href = Object.assign(new URL(location.href), { protocol: 'https:', port: tlsPort }).href;
}

async function setUp() {
  byId('name').value = query.get('name') ?? '';
  byId('setup').addEventListener('submit', (event) => {
    event.preventDefault();
    if (byId('go').disabled) return;
    if (state === 'idle') void start();
    else stop();
  });
  if (!isCapturable()) return explainInsecurity();
  if (window.RTCPeerConnection === undefined) return cover({ headline: "This browser can't publish", advice: 'It has no WebRTC, or it is turned off.' });
  fill(byId('codec'), videoCodecs().map((codec) => [codec, CODEC_NAMES[codec] ?? codec]));
  await fillDevices();
  navigator.mediaDevices.addEventListener('devicechange', () => void fillDevices());
  byId('allow').addEventListener('click', () => void inTurn(() => take(['video', 'audio'])));
  byId('picture').addEventListener('change', () => void inTurn(() => change('video')));
  byId('sound').addEventListener('change', () => void inTurn(() => change('audio')));
  byId('height').addEventListener('change', () => void inTurn(resize));
  byId('bitrate').addEventListener('change', (event) => void publication?.setBitrate(Number(event.target.value)));
  byId('name').addEventListener('input', () => byId('name').hasAttribute('aria-invalid') && checkName());
  byId('name').addEventListener('change', checkName);
  for (const [kind, id] of Object.entries(MUTES)) byId(id).addEventListener('click', () => toggle(kind));
  addEventListener('pagehide', () => publication?.stop());
  addEventListener('pageshow', (event) => event.persisted && location.reload());
  setInterval(() => void showFacts(), FACTS_MS);
  byId('go').disabled = false;
  cover({ headline: 'Camera, screen or microphone', advice: 'Look at the preview first if you like: nothing is sent before you start.', allow: 'Show the preview' });
}

void setUp();
