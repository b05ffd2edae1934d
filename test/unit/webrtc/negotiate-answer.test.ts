import test from 'ava';
import type { ErrorCode } from '../../../core/errors/codes.ts';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { EXTENSION, negotiateAnswer } from '../../../plugins/webrtc/wire/negotiate-answer.ts';
import { parseOffer, SDP_LENGTH_MAX } from '../../../plugins/webrtc/wire/sdp-offer.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';
import { ALL_CODECS, fixedAnswer, goldenSdp } from '../../support/webrtc-sdp.ts';

const capabilities = { codecs: ALL_CODECS, orientation: false, simulcast: false };
const publish = goldenSdp('publish');
const play = goldenSdp('play');

function failureOf(work: () => unknown): WcsError {
  try {
    work();
  } catch (error) {
    if (error instanceof WcsError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown');
}

test('H.264 is sent in the profile of the stream where it is offered, else in one that can show it', (t) => {
  const payloadTypeFor = (profile: number): number | undefined => {
    const track = { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 0, codecConfig: Uint8Array.of(1, profile, 0, 31) } as const;
    const picture = negotiateAnswer(parseOffer(play), 'play', { ...capabilities, tracks: [track] }).media[1];
    return picture?.type === 'accepted' ? picture.codecs[0]?.payloadType : undefined;
  };
  t.is(payloadTypeFor(0x42), 102);
  t.is(payloadTypeFor(0x4d), 116);
  t.is(payloadTypeFor(0x64), 41, 'the high profile is not offered, but a higher one');
});

test('single NAL units are taken from a publisher that offers nothing better, and never sent', (t) => {
  const old = publish.replaceAll('packetization-mode=1', 'packetization-mode=0');
  const h264 = { ...capabilities, codecs: ['h264'] as const };
  t.like(negotiateAnswer(parseOffer(old), 'publish', h264).media[1], { type: 'accepted', codecs: [{ codec: 'h264', payloadType: 102 }] });
  t.is(failureOf(() => negotiateAnswer(parseOffer(play.replaceAll('packetization-mode=1', 'packetization-mode=0')), 'play', h264)).code, 'MEDIA_E_NO_COMMON_CODEC');
});

test('the orientation of pictures is taken only when it is wanted', (t) => {
  const extensionsOf = (orientation: boolean) => {
    const picture = negotiateAnswer(parseOffer(publish), 'publish', { ...capabilities, orientation }).media[1];
    return picture?.type === 'accepted' ? picture.extensions : undefined;
  };
  t.deepEqual(extensionsOf(false), []);
  t.deepEqual(extensionsOf(true), [{ id: 13, uri: EXTENSION.orientation }]);
});

test('a publisher that names no SSRC is asked to mark its packets', (t) => {
  const silent = publish.replaceAll(/a=ssrc.*\r\n/g, '');
  const picture = negotiateAnswer(parseOffer(silent), 'publish', capabilities).media[1];
  t.like(picture, { extensions: [{ id: 4, uri: EXTENSION.mid }] });
});

test('layers are taken where simulcast is wanted', (t) => {
  const layered = publish.replaceAll(/a=ssrc.*\r\n/g, '') + 'a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n';
  const answer = negotiateAnswer(parseOffer(layered), 'publish', { ...capabilities, simulcast: true });
  t.like(answer.media[1], { rids: ['h', 'l'] });
  t.regex(fixedAnswer(answer), /a=rid:h recv\r\na=rid:l recv\r\na=simulcast:recv h;l\r\n/);
});

test('without BUNDLE each section keeps its own transport', (t) => {
  const answer = negotiateAnswer(parseOffer(publish.replace(/a=group:BUNDLE.*\r\n/, '')), 'publish', capabilities);
  t.deepEqual(answer.bundle, []);
  t.false(fixedAnswer(answer).includes('BUNDLE'));
});

test('what a viewer cannot be sent, and what a publisher does not send, is rejected in its place', (t) => {
  const data = 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n';
  const answer = negotiateAnswer(parseOffer(publish + data), 'publish', capabilities);
  t.deepEqual(answer.media.map(({ type }) => type), ['accepted', 'accepted', 'rejected']);
  t.regex(fixedAnswer(answer), /m=application 0 UDP\/DTLS\/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=inactive\r\n$/);
  t.is(failureOf(() => negotiateAnswer(parseOffer(publish), 'play', capabilities)).code, 'MEDIA_E_NO_COMMON_CODEC');
});

const TORTURE: readonly (readonly [string, string, ErrorCode, RegExp])[] = [
  ['a megabyte', publish + 'a=x:y\r\n'.repeat(150_000), 'PROTOCOL_E_LIMIT', /at most 131072/],
  ['too many lines', publish + 'a=\r\n'.repeat(5000), 'PROTOCOL_E_LIMIT', /lines/],
  ['200 m-lines', publish + 'm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n'.repeat(198), 'PROTOCOL_E_LIMIT', /200 m-lines/],
  ['no m-line', 'v=0\r\ns=-\r\n', 'PROTOCOL_E_MALFORMED', /no m-line/],
  ['no SDP', 'hello', 'PROTOCOL_E_MALFORMED', /no SDP/],
  ['nothing', '', 'PROTOCOL_E_MALFORMED', /no SDP/],
  ['no fingerprint', publish.replaceAll(/a=fingerprint.*\r\n/g, ''), 'PROTOCOL_E_MALFORMED', /no a=fingerprint/],
  ['a short fingerprint', publish.replaceAll(/sha-256 .*\r\n/g, 'sha-256 AB:CD\r\n'), 'PROTOCOL_E_MALFORMED', /no a=fingerprint/],
  ['no ICE', publish.replaceAll(/a=ice-ufrag.*\r\n/g, ''), 'PROTOCOL_E_MALFORMED', /no a=ice-ufrag/],
  ['a passive offerer', publish.replaceAll('actpass', 'passive'), 'PROTOCOL_E_MALFORMED', /setup:passive/],
  ['RTCP on a port of its own', publish.replaceAll('a=rtcp-mux\r\n', ''), 'PROTOCOL_E_MALFORMED', /rtcp-mux/],
  ['plain RTP', publish.replaceAll('UDP/TLS/RTP/SAVPF', 'RTP/AVP'), 'MEDIA_E_NO_COMMON_CODEC', /^No common codecs$/],
];

for (const [what, sdp, code, sentence] of TORTURE) {
  test(`an offer with ${what} is refused with a code and a sentence`, (t) => {
    const startedAt = cpuTimeMs();
    const failure = failureOf(() => negotiateAnswer(parseOffer(sdp), 'publish', capabilities));
    t.is(failure.code, code);
    t.regex(failure.message, sentence);
    t.true(cpuTimeMs() - startedAt < 1000);
  });
}

test('an offer of the greatest length is read in bounded time', (t) => {
  const startedAt = cpuTimeMs();
  const sdp = publish + `a=rid:${'x'.repeat(8)} send\r\n`.repeat(3000);
  parseOffer(sdp.slice(0, SDP_LENGTH_MAX));
  t.true(cpuTimeMs() - startedAt < 1000);
});
