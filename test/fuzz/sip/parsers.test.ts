import { WcsError } from '../../../core/errors/wcs-error.ts';
import { checkMessage } from '../../../plugins/sip/engine/wire/check-message.ts';
import { ControlFramer } from '../../../plugins/sip/engine/wire/control-frame.ts';
import { parseSipMessage } from '../../../plugins/sip/engine/wire/parse-message.ts';
import { StreamFramer } from '../../../plugins/sip/engine/wire/stream-framer.ts';
import { SdpDialogue } from '../../../plugins/sip/media/session/sdp-dialogue.ts';
import { fuzzParsers, type ParserTargets } from '../../support/fuzz-parsers.ts';
import { TORTURE } from '../../golden/sip/torture-messages.ts';

const seedOf = (index: number): Uint8Array => new Uint8Array(Buffer.from(TORTURE[index]!.text));
const parse = (input: Uint8Array): unknown => checkMessage(parseSipMessage(input).message);
const feed = (input: Uint8Array): unknown => {
  new StreamFramer().feed(input, () => undefined);
  return undefined;
};

const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':');
/** As a phone with everything describes itself. */
const CALL_SDP = [
  'v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', `a=fingerprint:sha-256 ${FINGERPRINT}`,
  'm=audio 4000 RTP/SAVP 0 8 111 101', 'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 useinbandfec=1', 'a=rtpmap:101 telephone-event/8000', 'a=fmtp:101 0-15', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 7).toString('base64')}|2^20|1:4`, 'a=rtcp:4010', 'a=ptime:20', 'a=sendonly',
  'm=video 4002 UDP/TLS/RTP/SAVPF 96 97', 'c=IN IP6 2001:db8::1', 'a=rtpmap:96 H264/90000', 'a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;sprop-parameter-sets=Z0LgH9oBQBY=,aM4G4g==', 'a=rtpmap:97 VP8/90000', 'a=rtcp-fb:* nack pli', 'a=setup:actpass', '',
].join('\r\n');

/** A whole exchange: answered, then taken as the answer to an offer of ours, which is offered again. What has nothing in common is refused. */
function describe(input: Uint8Array): void {
  const text = Buffer.from(input).toString('latin1');
  for (const security of ['none', 'sdes', 'dtls'] as const) {
    const dialogue = new SdpDialogue({ kinds: ['audio', 'video'], codecs: ['opus', 'pcmu', 'h264', 'vp8'], security, fingerprint: { algorithm: 'sha-256', value: FINGERPRINT }, address: '127.0.0.1', ports: { audio: 31_000, video: 31_002 } });
    for (const exchange of [() => dialogue.answer(text), () => dialogue.offer(true), () => dialogue.accept(text), () => dialogue.answer(dialogue.offer())]) {
      try {
        exchange();
      } catch (error) {
        if (!(error instanceof WcsError) || error.code !== 'MEDIA_E_NO_COMMON_CODEC') throw error;
      }
    }
  }
}

/** Each parser with bytes that it takes, to be mutated. */
const targets: ParserTargets = {
  'a tortuous INVITE': [parse, seedOf(0)],
  'a request with every valid character': [parse, seedOf(1)],
  'a body of several parts': [parse, seedOf(10)],
  'a response': [parse, seedOf(11)],
  'a stream of two requests': [feed, seedOf(7)],
  'the description of a call': [describe, new Uint8Array(Buffer.from(CALL_SDP))],
  'a control message': [
    (input) => {
      new ControlFramer(() => undefined).feed(input, () => undefined);
      new ControlFramer().feed(input, () => undefined);
      return undefined;
    },
    new Uint8Array(Buffer.from('57#e3877c8f-3ff7-4005-a0bc-9e7019c719bb|sip|||sip:127.0.0.1\r\n')),
  ],
};

fuzzParsers(targets, { runs: 2000, seed: 20265 });
