import test from 'ava';
import fc from 'fast-check';
import { ProtocolError, WcsError } from '../../../core/errors/wcs-error.ts';
import { SdpDialogue, type MediaWish } from '../../../plugins/sip/media/session/sdp-dialogue.ts';

const WISH: MediaWish = { kinds: ['audio', 'video'], codecs: ['opus', 'pcmu', 'h264', 'vp8', 'speex'], security: 'none', fingerprint: { algorithm: 'sha-256', value: 'AB' }, address: '127.0.0.1', ports: { audio: 31_000, video: 31_002 } };
const WORDS = ['m=audio 4000 RTP/AVP 0 96', 'm=video 4002 RTP/SAVP 96', 'm=audio 0 RTP/AVP 0', 'a=rtpmap:96 opus/48000/2', 'a=rtpmap:96 H264/90000', 'a=fmtp:96 packetization-mode=1;sprop-parameter-sets=AAAA,!!', 'a=rtpmap:0 telephone-event/0', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AA', 'c=IN IP6 ::', 'c=IN IP4 pbx.test', 'a=sendonly', 'a=rtcp:99999', 'a=group:BUNDLE', 'b=AS:200', 'v=0', ''];

test('whatever a peer describes, an answer has as many lines as the offer, or it is refused', (t) => {
  const line = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...WORDS) }, { weight: 1, arbitrary: fc.string({ maxLength: 60 }) });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 24 }), (lines) => {
      const offer = ['v=0', 'o=- 1 1 IN IP4 1.2.3.4', 's=-', 'c=IN IP4 1.2.3.4', 't=0 0', ...lines, ''].join('\r\n');
      const dialogue = new SdpDialogue(WISH);
      let answer: string;
      try {
        answer = dialogue.answer(offer);
      } catch (error) {
        return error instanceof ProtocolError || error instanceof WcsError;
      }
      const count = (text: string): number => text.split(/\r\n|\r|\n/).filter((one) => one.startsWith('m=')).length;
      // A line that is no m-line for the reader is none for us.
      return count(answer) <= count(offer) && dialogue.agreed.length > 0;
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('random bytes never do more than be refused', (t) => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400, unit: 'binary' }), fc.boolean(), (text, isSdp) => {
      const dialogue = new SdpDialogue(WISH);
      dialogue.offer();
      try {
        dialogue.accept(isSdp ? `v=0\r\n${text}` : text);
      } catch (error) {
        return error instanceof ProtocolError || error instanceof WcsError;
      }
      return true;
    }),
    { numRuns: 300 },
  );
  t.pass();
});
