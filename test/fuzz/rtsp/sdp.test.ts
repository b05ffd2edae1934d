import { parseSdp } from '../../../plugins/rtsp/wire/sdp-read.ts';
import { fuzzParsers } from '../../support/fuzz-parsers.ts';

const HONEST = [
  'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=x', 't=0 0', 'a=control:*',
  'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', 'a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAH9oBQBbsBEAAAAMAQAAADwPGDKg=,aM48gA==', 'a=rtcp-fb:96 nack pli', 'a=control:trackID=0',
  'm=audio 0 RTP/AVP 97', 'a=rtpmap:97 MP4A-LATM/48000/2', 'a=fmtp:97 cpresent=0;config=400023203fc0', 'a=control:trackID=1',
  'm=audio 0 RTP/AVP 98', 'a=rtpmap:98 MPEG4-GENERIC/48000/2', 'a=fmtp:98 mode=AAC-hbr;sizelength=13;config=1190', '',
].join('\r\n');

fuzzParsers({ 'a session description': [(bytes) => parseSdp(Buffer.from(bytes).toString('latin1')), Buffer.from(HONEST)] }, { runs: 20_000, seed: 20_261_129 });
