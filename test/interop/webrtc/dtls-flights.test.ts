import test, { type ExecutionContext } from 'ava';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTestsSideBySide } from '../../support/peers.ts';
import { releaseSecondPeers, SecondPlayer, SecondPublisher } from '../../support/second-peer.ts';
import { anyOf, isChangeCipherSpec, isDtls, isHandshake, loseShare, onMatch, UdpRelay, type Rule } from '../../support/udp-relay.ts';
import { until } from '../../support/until.ts';
import { PeerBrowser } from '../../support/webrtc-page.ts';
import { openBrowserServer, type BrowserServer } from '../../support/browser-server.ts';
import { loadRtpClip } from '../../support/webrtc/rtp-clip.ts';

/** One server for all: what they wait for are the pauses of the handshake. */
let server: BrowserServer;
const ends: (() => unknown)[] = [() => releaseSecondPeers()];
const LANES = 2;
const sideBySide = peerTestsSideBySide(LANES);

test.before(async () => {
  // Who loses a flight and its repetitions waits twice as long each time, in all longer than a handshake may usually take.
  server = await openBrowserServer({ webrtc: { dtlsTimeoutMs: 60_000 } });
  ends.unshift(() => server.kernel.stop());
  await SecondPublisher.start({ teardown: (end) => void ends.unshift(end) }, loadRtpClip(mediaFolder), { url: server.whip('cam') });
  await server.streamIsLive('cam');
});

test.after.always(async () => {
  for (const end of ends) await end();
});

/** ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone. */
const SERVER_FLIGHT = [2, 11, 12, 13, 14];

/** Handshake messages that begin a datagram in each flight. @see RFC 6347 section 4.2.4, RFC 5246 section 7.4 */
const FLIGHTS: readonly { readonly name: string; readonly toServer?: () => Rule; readonly toClient?: () => Rule }[] = [
  { name: 'ClientHello', toServer: () => onMatch(isHandshake(1), 'drop') },
  { name: 'ServerHello or HelloVerifyRequest', toClient: () => onMatch((datagram) => isHandshake(2)(datagram) || isHandshake(3)(datagram), 'drop') },
  { name: "each message of the server's certificate flight", toClient: () => anyOf(...SERVER_FLIGHT.map((type) => onMatch(isHandshake(type), 'drop'))) },
  { name: "the client's certificate, keys or Finished", toServer: () => onMatch((datagram) => isDtls(datagram) && !isHandshake(1)(datagram), 'drop', 1) },
  { name: "the client's second flight as a whole", toServer: () => onMatch((datagram) => isDtls(datagram) && !isHandshake(1)(datagram), 'drop', 4) },
  { name: "the server's ChangeCipherSpec and Finished", toClient: () => anyOf(onMatch(isChangeCipherSpec, 'drop'), onMatch((datagram) => datagram[0] === 22 && datagram[4] === 1, 'drop')) },
];

/** A page plays through a relay, and closes. */
async function callOf(t: ExecutionContext, browser: PeerBrowser, relay: UdpRelay): Promise<void> {
  const page = await browser.open('whip-whep');
  await page.rewriteAnswers((answer) => relay.rewriteAnswer(answer));
  await page.call('whipWhep.play', server.whep('cam'));
  const { connectedMs } = await page.playing(10);
  t.log(`Chromium connected after ${connectedMs?.toFixed(0)} ms`);
  await page.page.close();
}

for (const { name, toServer, toClient } of FLIGHTS) {
  sideBySide(`a call connects though ${name} is lost once`, ['ffmpeg', 'chromium'], async (t) => {
    t.timeout(120_000);
    const [forLibrary, forBrowser] = [await UdpRelay.open(t), await UdpRelay.open(t)];
    for (const relay of [forLibrary, forBrowser]) {
      if (toServer !== undefined) relay.toServer = toServer();
      if (toClient !== undefined) relay.toClient = toClient();
    }
    const libraryPlays = async (): Promise<void> => {
      const player = await SecondPlayer.start(t, { url: server.whep('cam'), rewriteAnswer: (answer) => forLibrary.rewriteAnswer(answer) });
      await until(() => player.video.frames.length > 0, 'a picture');
    };
    await Promise.all([libraryPlays(), callOf(t, await PeerBrowser.start(t), forBrowser)]);
    for (const { toServer: there, toClient: back } of [forLibrary.counters, forBrowser.counters]) t.true(there.dropped + back.dropped > 0, 'the relay lost something');
  });
}

for (const lane of Array.from({ length: LANES }).keys()) {
  sideBySide(`five calls connect one after the other through a network that loses 15 % of all packets (${lane + 1})`, ['ffmpeg', 'chromium'], async (t) => {
    t.timeout(120_000);
    const browser = await PeerBrowser.start(t);
    for (let call = lane; call < 10; call += LANES) {
      const relay = await UdpRelay.open(t);
      relay.toServer = loseShare(0.15, 100 + call);
      relay.toClient = loseShare(0.15, 200 + call);
      await callOf(t, browser, relay);
    }
    t.pass();
  });
}
