import test from 'ava';
import { encodeHeaderExtensions } from '../../../core/rtp/header-extensions.ts';
import { encodeRtp, parseRtp } from '../../../core/rtp/packet.ts';
import { ReceivedSource } from '../../../core/rtp/received-source.ts';
import { originalOf } from '../../../plugins/webrtc/session/rtx.ts';
import { SourceRouter } from '../../../plugins/webrtc/session/source-router.ts';
import { EXTENSION, negotiateAnswer, type AcceptedMedia } from '../../../plugins/webrtc/wire/negotiate-answer.ts';
import { parseOffer } from '../../../plugins/webrtc/wire/sdp-offer.ts';
import { ALL_CODECS, goldenSdp } from '../../support/webrtc-sdp.ts';

const VIDEO_SSRC = 3578998605;
const RTX_SSRC = 440082962;

function mediaOf(sdp: string, simulcast = false): AcceptedMedia[] {
  return negotiateAnswer(parseOffer(sdp), 'publish', { codecs: ALL_CODECS, orientation: false, simulcast }).media.filter((media) => media.type === 'accepted');
}

function rtp(ssrc: number, payloadType: number, sequenceNumber: number, more: { payload?: Uint8Array; marks?: Record<number, string> } = {}): Uint8Array {
  const elements = Object.entries(more.marks ?? {}).map(([id, text]) => ({ id: Number(id), data: new TextEncoder().encode(text) }));
  return encodeRtp({ ssrc, payloadType, sequenceNumber, timestamp: sequenceNumber * 3000, payload: more.payload ?? Uint8Array.of(1), extension: encodeHeaderExtensions(elements) });
}

test('packets are told apart by the SSRCs of the offer', (t) => {
  const router = new SourceRouter(mediaOf(goldenSdp('publish')));
  t.deepEqual(router.route(rtp(VIDEO_SSRC, 96, 1), [0, 1]), { index: 1, rid: undefined, repeats: undefined });
  t.deepEqual(router.route(rtp(RTX_SSRC, 97, 1), [0, 1]), { index: 1, rid: undefined, repeats: VIDEO_SSRC });
  t.is(router.route(rtp(99, 96, 1), [0, 1]), undefined, 'a stranger takes nothing over');
});

test('without named SSRCs the payload type tells, once, and the identification always', (t) => {
  const sdp = goldenSdp('publish').replaceAll(/a=ssrc.*\r\n/g, '');
  const router = new SourceRouter(mediaOf(sdp));
  t.like(router.route(rtp(7, 96, 1), [0, 1]), { index: 1, repeats: undefined });
  t.like(router.route(rtp(8, 97, 1), [0, 1]), { index: 1, repeats: 7 });
  t.is(router.route(rtp(9, 96, 1), [0, 1]), undefined);
  t.like(router.route(rtp(10, 111, 1, { marks: { 4: '0' } }), [0, 1]), { index: 0 });
  t.is(router.route(rtp(11, 8, 1), [0]), undefined);
});

test('layers are told apart by what their packets carry, and so are their retransmissions', (t) => {
  const sdp = goldenSdp('publish').replaceAll(/a=ssrc.*\r\n/g, '') + 'a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n';
  const media = mediaOf(sdp, true);
  t.deepEqual(media[1]?.extensions.map(({ uri }) => uri), [EXTENSION.mid, EXTENSION.rid, EXTENSION.repairedRid]);
  const router = new SourceRouter(media);
  t.like(router.route(rtp(1, 96, 1, { marks: { 4: '1', 10: 'h' } }), [0, 1]), { index: 1, rid: 'h' });
  t.like(router.route(rtp(2, 96, 1, { marks: { 4: '1', 10: 'l' } }), [0, 1]), { index: 1, rid: 'l' });
  t.like(router.route(rtp(3, 97, 1, { marks: { 4: '1', 11: 'l' } }), [0, 1]), { index: 1, rid: 'l', repeats: 2 });
  t.is(router.route(rtp(4, 96, 1, { marks: { 4: '1', 10: 'x' } }), [0, 1]), undefined);
  const next = new SourceRouter(media, structuredClone(router.exportState()));
  t.like(next.route(rtp(3, 97, 2), [0, 1]), { repeats: 2 });
});

test('a retransmission becomes its original, and a probe nothing', (t) => {
  const original = originalOf(rtp(RTX_SSRC, 97, 500, { payload: Uint8Array.of(0x12, 0x34, 9, 8, 7) }), VIDEO_SSRC, 96);
  t.like(original === undefined ? undefined : parseRtp(original), { ssrc: VIDEO_SSRC, payloadType: 96, sequenceNumber: 0x1234, timestamp: 1_500_000 });
  t.deepEqual(original?.slice(12), Uint8Array.of(9, 8, 7));
  t.is(originalOf(rtp(RTX_SSRC, 97, 501, { payload: new Uint8Array(0) }), VIDEO_SSRC, 96), undefined);
});

test('what is missing is asked for, once it has come nobody asks again, and nothing counts twice', (t) => {
  const source = new ReceivedSource(VIDEO_SSRC, 90_000, true);
  const first = source.received(rtp(VIDEO_SSRC, 96, 65_534), 0, false) ?? 0;
  t.is(source.received(rtp(VIDEO_SSRC, 96, 1), 5, false), first + 3, 'over the wrap');
  t.deepEqual(source.losses(30)?.sequences, [first + 1, first + 2]);
  t.is(source.received(rtp(VIDEO_SSRC, 96, 65_535), 40, true), first + 1);
  t.is(source.received(rtp(VIDEO_SSRC, 96, 65_535), 41, false), undefined);
  t.deepEqual(source.losses(1000)?.sequences, [first + 2]);
  const next = new ReceivedSource(VIDEO_SSRC, 90_000, true, structuredClone(source.exportState()));
  t.is(next.received(rtp(VIDEO_SSRC, 96, 1), 50, false), undefined, 'not even after a swap');
  t.is(next.received(rtp(VIDEO_SSRC, 96, 2), 51, false), first + 4);
});
