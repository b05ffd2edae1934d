import test from 'ava';
import { negotiateAnswer } from '../../../plugins/webrtc/wire/negotiate-answer.ts';
import { parseOffer } from '../../../plugins/webrtc/wire/sdp-offer.ts';
import { ALL_CODECS, fixedAnswer, goldenSdp } from '../../support/webrtc-sdp.ts';

const capabilities = { codecs: ALL_CODECS, orientation: false, simulcast: false };
const video = { id: 'video', kind: 'video', clockRateHz: 90_000, revision: 0 } as const;

test("the camera of a browser is answered with the first format of each kind, its retransmission, and nothing that isn't spoken", (t) => {
  const answer = negotiateAnswer(parseOffer(goldenSdp('publish')), 'publish', capabilities);
  t.is(fixedAnswer(answer), goldenSdp('publish-answer'));
});

test('a viewer is answered with the codec of the stream first, and one format of each other codec', (t) => {
  const h264 = { ...video, codec: 'h264' as const, codecConfig: Uint8Array.of(1, 0x4d, 0x40, 0x1f) };
  const answer = negotiateAnswer(parseOffer(goldenSdp('play')), 'play', { ...capabilities, tracks: [h264] });
  t.is(fixedAnswer(answer), goldenSdp('play-answer'));
});

test('codecs that the application stripped are not answered, and their dangling retransmission does no harm', (t) => {
  const answer = negotiateAnswer(parseOffer(goldenSdp('publish-stripped')), 'publish', { ...capabilities, codecs: ['av1', 'vp9', 'h264'] });
  const [audio, picture] = answer.media;
  t.is(audio?.type, 'rejected');
  t.like(picture, { type: 'accepted', codecs: [{ codec: 'h264', payloadType: 102, rtxPayloadType: 103 }] });
  t.deepEqual(answer.bundle, ['1']);
});

test('sound alone is answered with sound alone', (t) => {
  const answer = negotiateAnswer(parseOffer(goldenSdp('publish-audio')), 'publish', capabilities);
  t.like(answer, { media: [{ type: 'accepted', kind: 'audio', direction: 'recvonly' }], bundle: ['0'] });
});

test('the bounds of the bitrate stand in the section of the picture, for the browser and for everybody else', (t) => {
  const answer = negotiateAnswer(parseOffer(goldenSdp('publish')), 'publish', capabilities);
  const [sound, picture] = fixedAnswer(answer, { minBps: 300_000, maxBps: 1_500_000 }).split('m=video');
  t.notRegex(sound ?? '', /b=|x-google/);
  t.regex(picture ?? '', /b=AS:1500\r\nb=TIAS:1500000\r\n/);
  t.regex(picture ?? '', /a=fmtp:96 x-google-min-bitrate=300;x-google-max-bitrate=1500\r\n/);
});
