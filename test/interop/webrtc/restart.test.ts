import test, { type ExecutionContext } from 'ava';
import { until } from '../../support/until.ts';
import type { TestClient } from '../../support/webrtc/client.ts';
import { NumberedPlayer, NumberedPublisher } from '../../support/webrtc/numbered-media.ts';
import { startWhipServer, type WhipServer } from '../../support/whip-server.ts';

interface Call {
  readonly server: WhipServer;
  readonly publisher: NumberedPublisher;
  readonly player: NumberedPlayer;
}

async function start(t: ExecutionContext): Promise<Call> {
  const server = await startWhipServer(t);
  const publisher = await NumberedPublisher.start(t, { url: server.whip('cam') });
  publisher.write();
  await until(() => server.kernel.parts.media.find('cam')?.tracks.length === 2, 'the tracks');
  return { server, publisher, player: await NumberedPlayer.start(t, { url: server.whep('cam') }) };
}

async function picturesFlow({ publisher, player }: Call): Promise<void> {
  const seen = player.video.numbers.length;
  await until(() => {
    publisher.write();
    return player.video.numbers.length >= seen + 10;
  }, 'pictures');
}

/** Patches a client's session with the credentials of that client. */
async function patch({ session, transport: { ufrag, pwd } }: TestClient, ifMatch: string | undefined, body = `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${pwd}\r\n`): Promise<{ status: number; etag: string | null; text: string }> {
  const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag', ...(ifMatch === undefined ? {} : { 'If-Match': ifMatch }) };
  const response = await fetch(session.location!, { method: 'PATCH', headers, body });
  return { status: response.status, etag: response.headers.get('etag'), text: await response.text() };
}

function credentialsOf(fragment: string): { ufrag: string; pwd: string } {
  const first = (name: string): string => new RegExp(`^a=${name}:(\\S+)\\r?$`, 'm').exec(fragment)?.[1] ?? '';
  return { ufrag: first('ice-ufrag'), pwd: first('ice-pwd') };
}

for (const which of ['publisher', 'player'] as const) {
  test.serial(`ICE restarts by PATCH for a ${which}, and no packet is lost`, async (t) => {
    const call = await start(t);
    await picturesFlow(call);
    const { client } = call[which];
    const { etag } = client.session;
    t.truthy(etag);
    const before = client.remote.ufrag;
    client.transport.renew();
    const answer = await patch(client, '*');
    t.is(answer.status, 200);
    t.not(answer.etag, etag ?? null);
    const credentials = credentialsOf(answer.text);
    t.not(credentials.ufrag, before);
    t.regex(answer.text, /^a=candidate:/m);
    // Media goes on by what was there until the new checks have passed.
    await picturesFlow(call);
    client.transport.restart(credentials);
    await until(() => client.transport.checksAnswered > 0, 'the answer to a check with the new credentials');
    await picturesFlow(call);
    t.deepEqual(call.player.faults(), []);

    t.is((await patch(client, answer.etag ?? '')).status, 204, 'candidates of the session as it is now');
    t.deepEqual(await patch(client, etag).then(({ status }) => status), 412, 'the ETag of before the restart');
  });
}

test.serial('a PATCH without If-Match, with the ETag of another session or with other credentials changes nothing', async (t) => {
  const call = await start(t);
  const { client } = call.player;
  const { etag = '' } = client.session;
  t.is((await patch(client, undefined)).status, 428);
  t.is((await patch(client, '"another"')).status, 412);
  t.is((await patch(client, etag)).status, 204, 'candidates need nothing done');
  t.is((await patch(client, etag, 'a=ice-ufrag:other\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n')).status, 412);
  t.is((await patch(client, etag, 'a=ice-options:trickle\r\n')).status, 400);
  t.is((await patch(client, etag, `a=ice-ufrag:${'x'.repeat(20_000)}`)).status, 413);
  const other = await fetch(client.session.location!, { method: 'PATCH', headers: { 'Content-Type': 'application/sdp', 'If-Match': etag }, body: 'v=0\r\n' });
  t.is(other.status, 415);
  t.is(other.headers.get('accept-patch'), 'application/trickle-ice-sdpfrag');
  await picturesFlow(call);
  t.deepEqual(call.player.faults(), []);
});
