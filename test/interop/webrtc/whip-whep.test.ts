import test, { type ExecutionContext } from 'ava';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest } from '../../support/peers.ts';
import { releaseSecondPeers, SecondPlayer, SecondPublisher } from '../../support/second-peer.ts';
import { until } from '../../support/until.ts';
import { startBrowserServer, type BrowserServer } from '../../support/browser-server.ts';
import { TestClient } from '../../support/webrtc/client.ts';
import { loadRtpClip } from '../../support/webrtc/rtp-clip.ts';
import { writeOffer } from '../../support/webrtc/session-description.ts';
import { PROFILE_CM_SHA1_80, PROFILE_GCM_128 } from '../../support/webrtc/srtp.ts';
import { OfferRefused, postOffer } from '../../support/webrtc/whip-client.ts';

test.after.always(() => releaseSecondPeers());

const OFFER = writeOffer({ direction: 'recvonly', ufrag: 'abcd', pwd: 'abcdefghijklmnopqrstuvwx', fingerprint: `sha-256 ${Array(32).fill('AB').join(':')}` });

async function withPublisher(t: ExecutionContext, options: Parameters<typeof startBrowserServer>[1] = {}): Promise<BrowserServer> {
  const server = await startBrowserServer(t, options);
  await SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam') });
  await server.streamIsLive('cam');
  return server;
}

for (const [name, profile] of [['AEAD_AES_128_GCM', PROFILE_GCM_128], ['AES_CM_128_HMAC_SHA1_80', PROFILE_CM_SHA1_80]] as const) {
  for (const rtpEngine of ['pure', 'auto'] as const) {
    peerTest(`a client that offers ${name} gets every packet under a good tag from the ${rtpEngine} engine`, ['ffmpeg'], async (t) => {
      const server = await withPublisher(t, { network: { rtpEngine } });
      const client = await TestClient.connect(t, { url: server.whep('cam'), profiles: [profile] });
      t.is(client.keys?.profile, profile);
      await until(() => client.video.frames.length >= 60 && client.audioPackets >= 90 && client.rtcpPackets >= 1, 'pictures, sound and reports');
      t.deepEqual([client.forged, client.video.broken], [0, 0]);
      t.true(client.video.frames[0]?.key);
      t.regex(client.session.answer, /^a=ice-lite\r$/m);
      t.is(client.remote.setup, 'passive');
    });
  }
}

peerTest('GCM is taken where a client offers both profiles', ['ffmpeg'], async (t) => {
  const server = await withPublisher(t);
  const client = await TestClient.connect(t, { url: server.whep('cam'), profiles: [PROFILE_CM_SHA1_80, PROFILE_GCM_128] });
  t.is(client.keys?.profile, PROFILE_GCM_128);
});

peerTest('a player that says good-bye by a DTLS alert alone is gone from the list of sessions at once', ['ffmpeg'], async (t) => {
  const server = await withPublisher(t);
  const client = await TestClient.connect(t, { url: server.whep('cam') });
  await until(() => client.video.frames.length > 0, 'a picture');
  const sessions = async (): Promise<number> => ((await server.kernel.call('session.list', {})) as unknown[]).length;
  t.is(await sessions(), 2);
  client.transport.close();
  await until(async () => (await sessions()) === 1, 'the session to end', 10_000);
  t.pass();
});

test.serial('an unknown stream, a broken offer and an unknown session are refused with a fitting status', async (t) => {
  const server = await startBrowserServer(t);
  const statusOf = async (url: string, sdp: string): Promise<number> => {
    const error = await t.throwsAsync(postOffer(url, sdp), { instanceOf: OfferRefused });
    return error.status;
  };
  t.is(await statusOf(server.whep('nobody'), OFFER), 404);
  t.true([400, 406, 422].includes(await statusOf(server.whip('cam'), 'v=0\r\nnonsense')));
  t.is((await fetch(`${server.whep('cam')}/no-such-session`, { method: 'DELETE' })).status, 404);
  t.is((await fetch(server.whip('cam'), { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: OFFER })).status, 415);
});

peerTest('a name in use is refused to a second publisher with 409', ['ffmpeg'], async (t) => {
  const server = await withPublisher(t);
  const error = await t.throwsAsync(SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam') }), { instanceOf: OfferRefused });
  t.is(error.status, 409);
});

peerTest('a browser may call from any page: the preflight names methods, headers and what it may read', ['ffmpeg'], async (t) => {
  const server = await startBrowserServer(t);
  const preflight = await fetch(server.whip('cam'), { method: 'OPTIONS', headers: { Origin: 'http://elsewhere.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type,authorization' } });
  t.true(preflight.ok);
  t.is(preflight.headers.get('access-control-allow-origin'), '*');
  t.regex(preflight.headers.get('access-control-allow-methods') ?? '', /POST/);
  t.regex((preflight.headers.get('access-control-allow-headers') ?? '').toLowerCase(), /content-type/);
  await SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam') });
  const answer = await fetch(server.whip('other'), { method: 'POST', headers: { 'Content-Type': 'application/sdp', Origin: 'http://elsewhere.example' }, body: OFFER.replaceAll('recvonly', 'sendonly') });
  t.is(answer.status, 201);
  t.regex((answer.headers.get('access-control-expose-headers') ?? '').toLowerCase(), /location/);
  t.truthy(answer.headers.get('etag'));
});

peerTest('when the publisher ends, its players are told so, and the name is free again', ['ffmpeg'], async (t) => {
  const server = await startBrowserServer(t);
  const first = await SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam') });
  await server.streamIsLive('cam');
  const player = await SecondPlayer.start(t, { url: server.whep('cam') });
  await until(() => player.video.frames.length >= 10, 'the player');
  t.is(await first.end(), 200);
  await until(() => player.state === 'closed' || player.state === 'disconnected', 'the player to be told');
  const again = await SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam') });
  t.is(again.state, 'connected');
});
