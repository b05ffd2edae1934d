import { account, askForSignIn, byId, formatBits, formatBytes, formatDuration, h, operate, setText, toast } from './common.js';

const REFRESH_MS = 2000;
/** Two minutes of history behind the figures. */
const HISTORY = 60;
/** A picture of a stream is asked for again after so long. */
const PICTURE_MS = 10_000;
/** Fewer values look like a blot, not like a line. */
const HISTORY_SHOWN = 5;

const STATES = { ok: 'good', active: 'good', live: 'good', degraded: 'bad', failed: 'bad', starting: 'warn', loading: 'warn', suspended: 'warn' };
const ACTIONS = [
  ['reload', 'Reload', 'Build the plugin anew and swap it in; sessions go on'],
  ['rollback', 'Roll back', 'Swap the previous code in again'],
];

const history = { viewers: [], bitrate: [] };
let shown;
/** Whether the server makes pictures of streams. */
let hasPictures = false;

/** Brings the rows of a table in line with a list; rows that stay keep their focus and selection. */
function syncRows(body, items, keyOf, make, update) {
  const old = new Map([...body.children].map((row) => [row.dataset.key, row]));
  let previous = null;
  for (const item of items) {
    const key = keyOf(item);
    const row = old.get(key) ?? make(item);
    row.dataset.key = key;
    old.delete(key);
    update(row, item);
    const place = previous === null ? body.firstChild : previous.nextSibling;
    if (place !== row) body.insertBefore(row, place);
    previous = row;
  }
  for (const row of old.values()) row.remove();
}

function setPill(pill, state) {
  setText(pill, state);
  pill.className = `pill ${STATES[state] ?? ''}`;
}

const setCells = (row, texts) => texts.forEach((text, index) => text !== undefined && setText(row.cells[index], text));

const codecOf = (track) => (track === undefined ? '–' : track.codec.toUpperCase());

function describeVideo(track) {
  if (track === undefined) return '–';
  const size = track.width === undefined ? undefined : `${track.width}×${track.height}`;
  const rate = track.fps === undefined ? undefined : `${Math.round(track.fps)} fps`;
  return [codecOf(track), size, rate].filter((part) => part !== undefined).join(' · ');
}

function describeAudio(track) {
  return track === undefined || track.sampleRateHz === undefined ? codecOf(track) : `${codecOf(track)} · ${track.sampleRateHz / 1000} kHz`;
}

function streamRow(stream) {
  const see = ({ currentTarget, type }) => currentTarget.classList.toggle('seen', type === 'load');
  const picture = h('img', { class: 'thumbnail', alt: '', width: 80, height: 45, decoding: 'async', onload: see, onerror: see });
  const link = h('a', { href: `/player?name=${encodeURIComponent(stream.name)}` }, picture, stream.name);
  const stop = h('button', { type: 'button', 'aria-label': `Stop ${stream.name}`, onclick: () => stopStream(stream.name) }, 'Stop');
  const cells = [h('td', { class: 'name' }, link), h('td', {}, h('span')), h('td'), h('td'), h('td')];
  return h('tr', {}, ...cells, ...[0, 1, 2].map(() => h('td', { class: 'number' })), h('td', {}, h('div', { class: 'actions' }, stop)));
}

/** One that cannot be had leaves its place empty. */
function updatePicture(picture, { name, state }, video) {
  picture.hidden = !hasPictures;
  const turn = String(Math.floor(Date.now() / PICTURE_MS));
  if (!hasPictures || video === undefined || state !== 'live' || picture.dataset.turn === turn) return;
  picture.dataset.turn = turn;
  picture.src = `/snapshot/${encodeURIComponent(name)}.jpg?width=160&turn=${turn}`;
}

function updateStream(row, stream) {
  const [video, audio] = ['video', 'audio'].map((kind) => stream.tracks.find((track) => track.kind === kind));
  updatePicture(row.querySelector('.thumbnail'), stream, video);
  setPill(row.cells[1].firstChild, stream.state);
  setCells(row, [undefined, undefined, stream.protocol ?? '–', describeVideo(video), describeAudio(audio), formatBits(stream.bitrateBps), String(stream.viewers), formatDuration(stream.ageMs)]);
}

async function stopStream(name) {
  if (!confirm(`Stop the stream ${name} for its publisher and all its viewers?`)) return;
  await attempt(() => operate('stream/terminate', { name }), `Stream ${name} is stopped.`);
}

function pluginRow({ name }) {
  const button = (verb, text, title) =>
    h('button', { type: 'button', 'data-verb': verb, title, 'aria-label': `${text} ${name}`, onclick: (event) => changePlugin(event.currentTarget.dataset.verb, name) }, text);
  const actions = h('div', { class: 'actions' }, ...ACTIONS.map((action) => button(...action)), button('disable', 'Disable'));
  return h('tr', {}, h('td', { class: 'name' }, name), h('td', {}, h('span'), h('span', { class: 'note' })), h('td', { class: 'mono' }), h('td', { class: 'number' }), h('td', { class: 'number' }), h('td', {}, actions));
}

function updatePlugin(row, plugin) {
  const { name, state, generation, version, sessions, draining, error } = plugin;
  const [pill, note] = row.cells[1].children;
  setPill(pill, state);
  setText(note, typeof error === 'string' ? error : (error?.message ?? ''));
  const label = generation === undefined ? '–' : version === undefined ? generation : `${generation} · ${version}`;
  setCells(row, [undefined, undefined, label, String(sessions ?? '–'), String(draining ?? '–')]);
  const toggle = row.querySelector('[data-verb=enable], [data-verb=disable]');
  const verb = state === 'active' || state === 'loading' ? 'disable' : 'enable';
  const text = verb === 'disable' ? 'Disable' : 'Enable';
  toggle.dataset.verb = verb;
  toggle.setAttribute('aria-label', `${text} ${name}`);
  setText(toggle, text);
  row.querySelector('[data-verb=rollback]').disabled = state !== 'active';
}

async function changePlugin(verb, name) {
  const warning = name === 'http' ? ' This page is served by it and stops working.' : ' Its sessions end.';
  if (verb === 'disable' && !confirm(`Disable the plugin ${name}?${warning}`)) return;
  const done = { enable: 'is enabled', disable: 'is disabled', reload: 'is up to date', rollback: 'runs its previous code' }[verb];
  await attempt(() => operate(`plugin/${verb}`, { name }), `Plugin ${name} ${done}.`);
}

async function attempt(work, success) {
  try {
    await work();
    toast(success, true);
  } catch (error) {
    toast(error.message);
  }
  await refresh();
}

function sessionRow() {
  return h('tr', {}, h('td', { class: 'name' }), h('td', { class: 'mono' }), h('td'), ...[0, 1, 2].map(() => h('td', { class: 'number' })));
}

function updateSession(row, session) {
  const does = [session.role, session.streamName, session.user].filter((part) => part !== undefined && part !== '').join(' · ');
  setCells(row, [session.protocol, session.peer ?? session.kind, does, formatBytes(session.bytesIn), formatBytes(session.bytesOut), formatDuration(Date.now() - session.startedAtMs)]);
}

function listenerRow() {
  return h('tr', {}, h('td', { class: 'mono' }), h('td'), h('td', { class: 'number' }), h('td', { class: 'number' }));
}

function updateListener(row, { key, name, connections, refused }) {
  setCells(row, [key, name ?? 'nobody', String(connections), String(refused)]);
}

function showPorts(ranges) {
  const rows = ranges.map(({ range, free, busy, quarantined }) => {
    const total = free + busy + quarantined;
    const meter = h('meter', { min: 0, max: Math.max(1, total), high: total * 0.8, optimum: 0, value: busy + quarantined, 'aria-label': `${range}: ports in use` });
    return h('div', {}, h('div', { class: 'row' }, h('span', { class: 'mono' }, range), h('span', { class: 'muted' }, `${busy + quarantined} of ${total}`)), meter);
  });
  byId('ports').replaceChildren(...rows);
}

function showMetrics(groups) {
  const word = byId('filter-metrics').value.trim().toLowerCase();
  const sections = Object.entries(groups).flatMap(([group, values]) => {
    const rows = Object.entries(values).filter(([name]) => word === '' || name.toLowerCase().includes(word) || group.includes(word));
    if (rows.length === 0) return [];
    const list = rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, typeof value === 'number' ? value.toLocaleString('en', { maximumFractionDigits: 2 }) : value)]);
    return [h('section', {}, h('h3', {}, group), h('dl', {}, ...list))];
  });
  // A selection inside would be lost by the exchange.
  if (byId('metrics').contains(getSelection().anchorNode) && !getSelection().isCollapsed) return;
  byId('metrics').replaceChildren(...sections);
}

function spark(name, value) {
  const values = history[name];
  values.push(value);
  if (values.length > HISTORY) values.shift();
  const top = Math.max(1, ...values);
  const points = values.map((each, index) => `${((HISTORY - values.length + index) * 60) / (HISTORY - 1)} ${19 - (each / top) * 17}`);
  byId(`spark-${name}`).firstElementChild.setAttribute('d', points.length < HISTORY_SHOWN ? '' : `M${points.join('L')}`);
}

function showTiles({ streams, sessions, uptimeMs, status }) {
  const viewers = streams.rows.reduce((sum, stream) => sum + stream.viewers, 0);
  const bitrate = streams.rows.reduce((sum, stream) => sum + stream.bitrateBps, 0);
  const live = streams.rows.filter((stream) => stream.state === 'live').length;
  setText(byId('tile-streams'), String(streams.total));
  setText(byId('hint-streams'), streams.total === 0 ? 'none published' : `${live} live`);
  setText(byId('tile-viewers'), String(viewers));
  setText(byId('hint-viewers'), streams.total === 0 ? '' : `${(viewers / streams.total).toFixed(1)} a stream`);
  setText(byId('tile-bitrate'), formatBits(bitrate));
  setText(byId('hint-bitrate'), 'into the server');
  setText(byId('tile-sessions'), String(sessions.total));
  const protocols = [...new Set(sessions.rows.map((session) => session.protocol))];
  setText(byId('hint-sessions'), protocols.slice(0, 4).join(', '));
  setText(byId('tile-uptime'), formatDuration(uptimeMs));
  setText(byId('hint-uptime'), status === 'degraded' ? 'a plugin has failed' : '');
  spark('viewers', viewers);
  spark('bitrate', bitrate);
}

function show(overview) {
  shown = overview;
  const { status, version, plugins, streams, sessions, listeners, ports, metrics } = overview;
  hasPictures = plugins.some(({ name, state }) => name === 'snapshots' && state === 'active');
  byId('content').hidden = false;
  byId('sign-out').hidden = account.header === undefined;
  setPill(byId('status'), status);
  setText(byId('version'), `v${version}`);
  document.title = `${streams.total} ${streams.total === 1 ? 'stream' : 'streams'} · WCS Core`;
  showTiles(overview);
  setText(byId('count-streams'), String(streams.total));
  setText(byId('count-plugins'), String(plugins.length));
  setText(byId('count-sessions'), String(sessions.total));
  syncRows(byId('rows-streams'), streams.rows, (stream) => stream.mediaSessionId, streamRow, updateStream);
  syncRows(byId('rows-plugins'), plugins, (plugin) => plugin.name, pluginRow, updatePlugin);
  syncRows(byId('rows-sessions'), sessions.rows, (session) => session.id, sessionRow, updateSession);
  for (const [name, list] of [['streams', streams], ['sessions', sessions]]) {
    byId(`empty-${name}`).hidden = list.total > 0;
    byId(`rows-${name}`).closest('table').hidden = list.total === 0;
  }
  syncRows(byId('rows-listeners'), listeners, (listener) => listener.key, listenerRow, updateListener);
  showPorts(ports);
  showMetrics(metrics);
}

const look = () => operate('dashboard/show');

async function refresh() {
  try {
    show(await look());
  } catch (error) {
    if (error.status === 401) {
      byId('content').hidden = true;
      setPill(byId('status'), 'signed out');
      show(await askForSignIn(byId('sign-in'), look, account.header === undefined ? undefined : error.message));
    } else {
      setText(byId('status'), error.status === undefined ? 'no connection' : error.message);
      byId('status').className = 'pill bad';
    }
  }
}

async function keepLooking() {
  await refresh();
  // A hidden tab asks nothing of the server.
  while (document.hidden) await new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }));
  setTimeout(keepLooking, REFRESH_MS);
}

byId('filter-metrics').addEventListener('input', () => showMetrics(shown.metrics));
byId('sign-out').addEventListener('click', (event) => {
  event.preventDefault();
  account.signOut();
  location.reload();
});
setText(byId('this-host'), location.hostname);
void keepLooking();
