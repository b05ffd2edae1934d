import { headerExtensionsOf, mapHeaderExtensions } from '../../../core/rtp/header-extensions.ts';
import { parseRtp, withoutPadding } from '../../../core/rtp/packet.ts';
import { encodeRtcp, parseRtcp } from '../../../core/rtp/rtcp.ts';
import { fuzzParsers, type ParserTargets } from '../../support/fuzz-parsers.ts';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

/** Each parser with bytes that it takes, to be mutated. */
const targets: ParserTargets = {
  'an RTP packet': [(input) => [parseRtp(input), withoutPadding(input)], bytes('b2e4123400015f90112233440000000100000002bede000110aa00000a0b0c01')],
  'an RTP packet with header extensions': [(input) => [headerExtensionsOf(input), mapHeaderExtensions(input, new Map([[1, 2]]))], bytes('90e4123400015f9011223344bede000210aa52010203000001')],
  'an RTP packet with two-byte extensions': [headerExtensionsOf, bytes('90e4123400015f9011223344100000020102030405000000ff01')],
  'an RTCP compound': [
    parseRtcp,
    encodeRtcp([
      { type: 'senderReport', ssrc: 1, ntp: { seconds: 1, fraction: 2 }, rtpTimestamp: 3, packetCount: 4, octetCount: 5, reports: [] },
      { type: 'sourceDescription', chunks: [{ ssrc: 1, items: [{ item: 1, text: 'name' }] }] },
      { type: 'nack', senderSsrc: 1, mediaSsrc: 2, sequences: [1, 2, 3, 40] },
      { type: 'remb', senderSsrc: 1, bitrateBps: 1e6, ssrcs: [2] },
      { type: 'goodbye', ssrcs: [1], reason: 'bye' },
    ]),
  ],
  'transport-wide feedback': [parseRtcp, bytes('afcd00080000000111223344fffe0013fffffe092002a800e10004080c10ffff14000003')],
};

fuzzParsers(targets, { runs: 2000, seed: 20263 });
