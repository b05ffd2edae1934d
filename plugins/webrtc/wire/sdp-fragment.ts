import { ProtocolError, WcsError } from 'wcs-core';
import type { AnswerTransport } from './sdp-answer.ts';

/** Longest fragment that is read, in characters. */
export const SDP_FRAGMENT_LENGTH_MAX = 16_384;
const ICE_UFRAG = /^a=ice-ufrag:([A-Za-z0-9+/]{4,256})\r?$/m;
const ICE_PWD = /^a=ice-pwd:([A-Za-z0-9+/]{22,256})\r?$/m;

/** What a fragment says of its sender's ICE agent; its candidates are left out, since a lite agent never uses them. */
export interface SdpFragment {
  readonly iceUfrag: string;
  readonly icePwd: string;
}

/**
 * Reads a fragment.
 *
 * @throws ProtocolError where the credentials are missing, WcsError PROTOCOL_E_LIMIT for one that is too long
 * @see RFC 8840 section 9
 */
export function parseSdpFragment(text: string): SdpFragment {
  if (text.length > SDP_FRAGMENT_LENGTH_MAX) throw new WcsError('PROTOCOL_E_LIMIT', `The fragment has ${text.length} characters; at most ${SDP_FRAGMENT_LENGTH_MAX} are read.`);
  const iceUfrag = ICE_UFRAG.exec(text)?.[1];
  const icePwd = ICE_PWD.exec(text)?.[1];
  if (iceUfrag === undefined || icePwd === undefined) throw new ProtocolError('The fragment has no a=ice-ufrag and a=ice-pwd.');
  return { iceUfrag, icePwd };
}

/** Writes the server's side after a restart of ICE. @see RFC 9725 section 4.3.3 */
export function formatSdpFragment({ iceUfrag, icePwd, candidates }: Pick<AnswerTransport, 'iceUfrag' | 'icePwd' | 'candidates'>): string {
  const lines = candidates.map(({ foundation, transport, priority, address, port }) => {
    const passive = transport === 'tcp' ? ' tcptype passive' : '';
    return `a=candidate:${foundation} 1 ${transport} ${priority} ${address} ${port} typ host${passive}`;
  });
  return ['a=ice-lite', `a=ice-ufrag:${iceUfrag}`, `a=ice-pwd:${icePwd}`, ...lines, 'a=end-of-candidates', ''].join('\r\n');
}
