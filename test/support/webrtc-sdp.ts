import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AcceptedMedia, NegotiatedAnswer } from '../../plugins/webrtc/wire/negotiate-answer.ts';
import { formatAnswer, type BitrateBounds } from '../../plugins/webrtc/wire/sdp-answer.ts';
import { checkout } from './test-kernel.ts';

/** Every codec that the server can have of a browser. */
export const ALL_CODECS = ['h264', 'vp8', 'vp9', 'av1', 'hevc', 'opus', 'pcmu', 'pcma', 'g722'] as const;

/** A recorded offer of Chromium, or an expected answer. */
export function goldenSdp(name: string): string {
  return readFileSync(join(checkout, 'test/golden/data/webrtc', `${name}.sdp`), 'utf8');
}

/** The answer's text with facts that never change. */
export function fixedAnswer(answer: NegotiatedAnswer, bitrate: BitrateBounds = {}): string {
  const transport = {
    iceUfrag: 'ufrg',
    icePwd: 'passwordpasswordpassword',
    fingerprint: { algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') },
    candidates: [
      { foundation: '1', transport: 'udp' as const, priority: 2_130_706_431, address: '192.0.2.1', port: 31_000 },
      { foundation: '2', transport: 'tcp' as const, priority: 1_671_430_143, address: '192.0.2.1', port: 31_000 },
    ],
  };
  const sourceOf = ({ direction, index, codecs: [first] }: AcceptedMedia) =>
    direction === 'recvonly'
      ? undefined
      : { ssrc: 1000 + index, rtxSsrc: first?.rtxPayloadType === undefined ? undefined : 2000 + index, cname: 'name', streamId: 'stream', trackId: `track${index}` };
  return formatAnswer(answer, { sessionId: '42', sessionVersion: 1, transportOf: () => transport, sourceOf, bitrate });
}
