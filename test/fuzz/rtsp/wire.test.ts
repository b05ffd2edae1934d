import { NEED_MORE } from '../../../core/formats/need-more.ts';
import { parseAuthHeader } from '../../../plugins/rtsp/wire/auth-header.ts';
import { parseBasicCredentials } from '../../../plugins/rtsp/wire/basic-auth.ts';
import { parseDigestChallenge, parseDigestCredentials } from '../../../plugins/rtsp/wire/digest-auth.ts';
import { RtspReader } from '../../../plugins/rtsp/wire/message-reader.ts';
import { parseRange } from '../../../plugins/rtsp/wire/range.ts';
import { parseRtpInfo } from '../../../plugins/rtsp/wire/rtp-info.ts';
import { parseRtspUrl } from '../../../plugins/rtsp/wire/rtsp-url.ts';
import { parseSession } from '../../../plugins/rtsp/wire/session-header.ts';
import { parseTransport } from '../../../plugins/rtsp/wire/transport.ts';
import { fuzzParsers } from '../../support/fuzz-parsers.ts';

function readStream(input: Uint8Array): number {
  const reader = new RtspReader();
  reader.feed(input);
  let count = 0;
  while (reader.next() !== NEED_MORE) count += 1;
  return count;
}

const text = (input: Uint8Array): string => Buffer.from(input).toString('latin1');
const STREAM = Buffer.concat([
  Buffer.from('SETUP rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n Folded\r\nContent-Length: 3\r\n\r\nabc'),
  Buffer.from([0x24, 0, 0, 2, 1, 2]),
  Buffer.from('RTSP/1.0 200 OK\nCSeq: 1\nSession: 1;timeout=60\n\n'),
]);

fuzzParsers({
  'a stream of messages': [readStream, STREAM],
  'a Transport header': [(input) => parseTransport(text(input)), Buffer.from('RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1234ABCD;mode="PLAY",RTP/AVP;client_port=1-2')],
  'an RTP-Info header': [(input) => parseRtpInfo(text(input)), Buffer.from('url=rtsp://h/1;seq=1;rtptime=2,url=rtsp://h/2;seq=3')],
  'a Range header': [(input) => parseRange(text(input)), Buffer.from('npt=00:00:01.5-20')],
  'a Session header': [(input) => parseSession(text(input)), Buffer.from('12345678;timeout=60')],
  'an address': [(input) => parseRtspUrl(text(input)), Buffer.from('rtsp://user:pass%20word@[::1]:554/path?query=1')],
  'an authentication header': [
    (input) => parseAuthHeader(text(input)).map((header) => [parseDigestChallenge(header), parseDigestCredentials(header), parseBasicCredentials(header)]),
    Buffer.from('Digest username="u", realm="a\\"b", nonce="n", uri="*", response="00", qop=auth, nc=00000001, cnonce="c", Basic QWxhZGRpbg=='),
  ],
}, { runs: 2000, seed: 20_261_129 });
