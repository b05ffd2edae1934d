import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { openBrowser } from './test-browser.ts';

const FLAGS = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--allow-loopback-in-peer-connection', '--disable-features=WebRtcHideLocalIpsWithMdns', '--autoplay-policy=no-user-gesture-required'];

/** The unmodified Web SDK and, for tests, a `log` of what happened and a few verbs. */
const PAGE = `<!doctype html><meta charset="utf-8"><div id="local"></div><div id="remote"></div>
<script src="/flashphoner.js"></script><script src="/flashphoner-room-api.js"></script><script>
  const log = [];
  const note = (...facts) => log.push(facts.map((fact) => (typeof fact === 'string' ? fact : JSON.stringify(fact))).join(' '));
  window.onerror = (message, _source, _line, _column, error) => note('page error', message, (error && error.stack || '').replace(/https?:[^)]*[/]/g, '').slice(0, 600));
  window.addEventListener('unhandledrejection', (event) => note('unhandled', String(event.reason)));
  let session;
  const streams = {};
  function connect(urlServer, options = {}) {
    const { preferredMediaProviders, ...more } = options;
    Flashphoner.init(preferredMediaProviders ? { preferredMediaProviders } : {});
    session = Flashphoner.createSession({ urlServer, ...more });
    for (const name of Object.keys(Flashphoner.constants.SESSION_STATUS)) session.on(name, (one, data) => note('session', name, data && data.info ? data.info : ''));
  }
  function watch(key, stream) {
    streams[key] = stream;
    for (const name of Object.keys(Flashphoner.constants.STREAM_STATUS)) stream.on(name, (one) => note(key, name, one.getInfo() || ''));
    stream.on(Flashphoner.constants.STREAM_EVENT, (event) => note(key, 'event', event.type, event.payload === undefined ? '' : event.payload));
    return stream;
  }
  const play = (key, options) => watch(key, session.createStream({ display: document.getElementById('remote'), ...options })).play();
  const publish = (key, options) => watch(key, session.createStream({ display: document.getElementById('local'), ...options })).publish();
  /** A tone in place of the microphone. */
  function useTone(frequency) {
    const context = new AudioContext();
    const oscillator = new OscillatorNode(context, { frequency });
    const gain = new GainNode(context, { gain: 0.5 });
    const output = context.createMediaStreamDestination();
    oscillator.connect(gain).connect(output);
    oscillator.start();
    navigator.getUserMedia = (constraints, done) => done(new MediaStream(output.stream.getTracks().map((track) => track.clone())));
  }
  /** How loud a call is at the loudspeaker, 0 to 1. */
  const loudness = (key) => new Promise((resolve) => calls[key].getStats((stats) => resolve((stats.inboundStream.audio || {}).audioLevel || 0)));
  const calls = {};
  const DISPLAYS = () => ({ localVideoDisplay: document.getElementById('local'), remoteVideoDisplay: document.getElementById('remote'), constraints: { audio: true, video: false } });
  function follow(key, call) {
    calls[key] = call;
    for (const name of Object.keys(Flashphoner.constants.CALL_STATUS)) call.on(name, (one) => note(key, name, one.getInfo() || ''));
    call.on(Flashphoner.constants.TRANSFER_STATUS ? Flashphoner.constants.TRANSFER_STATUS.COMPLETED : 'COMPLETED', () => note(key, 'transferred'));
    return call;
  }
  const dial = (key, options) => follow(key, session.createCall({ ...DISPLAYS(), ...options })).call();
  function awaitCalls() {
    session.on(Flashphoner.constants.SESSION_STATUS.INCOMING_CALL, (call) => follow('incoming', call));
  }
  const take = (key) => calls[key].answer(DISPLAYS());
  function video() {
    const element = document.querySelector('#remote video');
    if (!element) return { currentTime: 0, frames: 0, muted: true };
    return { currentTime: element.currentTime, frames: element.getVideoPlaybackQuality().totalVideoFrames, dropped: element.getVideoPlaybackQuality().droppedVideoFrames, error: element.error && element.error.message };
  }
  let room;
  function enter(urlServer, username, name) {
    RoomApi.sdk.init({});
    const member = RoomApi.connect({ urlServer, username });
    member.on('ESTABLISHED', () => {
      room = member.join({ name });
      room.on(RoomApi.events.STATE, (one) => note('STATE', one.getParticipants().map((participant) => participant.name()).sort()));
      for (const event of ['JOINED', 'LEFT', 'PUBLISHED']) room.on(RoomApi.events[event], (participant) => note(event, participant.name()));
      room.on(RoomApi.events.MESSAGE, (message) => note('MESSAGE', message.from.name(), message.text));
      room.on(RoomApi.events.FAILED, (one, info) => note('FAILED', info));
    });
  }
</script>`;

/** Opens a page with the SDK in a browser of its own; both are gone when the test ends. */
export async function openSdkPages(t: ExecutionContext, count: number): Promise<Page[]> {
  const resolve = createRequire(import.meta.url).resolve.bind(undefined);
  const files = new Map(['flashphoner.js', 'flashphoner-room-api.js'].map((name) => [`/${name}`, readFileSync(resolve(`@flashphoner/websdk/${name}`))]));
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    response.setHeader('Content-Type', file === undefined ? 'text/html' : 'text/javascript');
    response.end(file ?? PAGE);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const browser = await openBrowser({ flags: FLAGS });
  t.teardown(async () => {
    await browser.close();
    server.close();
  });
  const pages: Page[] = [];
  for (let opened = 0; opened < count; opened++) {
    const page = await browser.context.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    pages.push(page);
  }
  return pages;
}

/** What has happened on a page so far. */
export function logOf(page: Page): Promise<string[]> {
  return page.evaluate('log');
}
