import type { Target } from '../session/target.ts';
import type { SipRequest } from '../wire/sip-message.ts';
import { formatVia, parseVia } from '../wire/via.ts';

/**
 * Notes in the top Via where a request really came from. Its answers go there, never to a host that only the Via names.
 *
 * @see RFC 3261 section 18.2.1, RFC 3581 section 4
 */
export function completeVia(request: SipRequest, source: Target): void {
  const vias = request.headers.list('Via');
  const via = parseVia(vias?.[0] ?? '');
  if (via === undefined || vias === undefined) return;
  const params = new Map(via.params);
  const wantsPort = params.has('rport');
  if (wantsPort) params.set('rport', String(source.port));
  if (wantsPort || via.host !== source.address) params.set('received', source.address);
  request.headers.set('Via', [formatVia({ ...via, params }), ...vias.slice(1)].join(', '));
}

/** Where the answers to a datagram go: where it came from, or to the port of the Via when `rport` was not asked for. @see RFC 3261 section 18.2.2 */
export function replyTarget(request: SipRequest, source: Target): Target {
  const via = parseVia(request.headers.list('Via')?.[0] ?? '');
  if (via === undefined || source.transport !== 'udp' || via.params.has('rport')) return source;
  return { ...source, port: via.port ?? 5060 };
}
