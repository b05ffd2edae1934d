import test from 'ava';
import fc from 'fast-check';
import { ProtocolError, WcsError } from '../../../core/errors/wcs-error.ts';
import { formatSdpFragment, parseSdpFragment, SDP_FRAGMENT_LENGTH_MAX } from '../../../plugins/webrtc/wire/sdp-fragment.ts';

const SEED = 20_260_302;
const UFRAG = 'a=ice-ufrag:EsAw';
const PWD = 'a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1';
const HONEST = [UFRAG, PWD, 'm=audio 9 UDP/TLS/RTP/SAVPF 0', 'a=mid:0', 'a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1', 'a=end-of-candidates', ''].join('\r\n');

/** Lines of all kinds in any order, honest fragments with characters altered, and nonsense. */
const lines = fc
  .array(fc.oneof(fc.constantFrom(UFRAG, PWD, 'a=ice-ufrag:', 'a=ice-pwd:short', 'a=ice-ufrag:\u0000', 'a=ice-options:trickle', 'm=video'), fc.string({ maxLength: 60 })), { maxLength: 20 })
  .chain((parts) => fc.constantFrom('\r\n', '\n', '\r', '').map((ending) => parts.join(ending)));
const altered = fc.array(fc.tuple(fc.nat(HONEST.length - 1), fc.string({ maxLength: 3, unit: 'binary' })), { maxLength: 5 }).map((changes) => {
  let text = HONEST;
  for (const [at, put] of changes) text = text.slice(0, at) + put + text.slice(at + 1);
  return text;
});
const repeated = fc.tuple(fc.constantFrom('a=ice-ufrag:', 'a=ice-pwd:', '\r\n', 'a', '/'), fc.nat(2 * SDP_FRAGMENT_LENGTH_MAX)).map(([part, length]) => part.repeat(Math.ceil(length / part.length)));

test('no fragment throws anything but a coded error, or gives credentials that were not in it', (t) => {
  let read = 0;
  fc.assert(
    fc.property(fc.oneof(lines, altered, fc.string({ unit: 'binary', maxLength: 2000 }), repeated), (text) => {
      try {
        const { iceUfrag, icePwd } = parseSdpFragment(text);
        read++;
        return /^[A-Za-z0-9+/]{4,256}$/.test(iceUfrag) && /^[A-Za-z0-9+/]{22,256}$/.test(icePwd) && text.includes(`a=ice-ufrag:${iceUfrag}`) && text.includes(`a=ice-pwd:${icePwd}`);
      } catch (error) {
        return error instanceof ProtocolError || (error instanceof WcsError && error.code === 'PROTOCOL_E_LIMIT');
      }
    }),
    { seed: SEED, numRuns: 10_000, interruptAfterTimeLimit: 10_000 },
  );
  t.true(read > 100, `${read} were read`);
});

test('what is written is read', (t) => {
  const credential = (least: number) => fc.string({ unit: fc.constantFrom('A', 'z', '0', '9', '+', '/'), minLength: least, maxLength: 256 });
  fc.assert(
    fc.property(credential(4), credential(22), (iceUfrag, icePwd) => {
      const candidate = { foundation: '1', transport: 'udp' as const, priority: 1, address: '192.0.2.1', port: 31_000 };
      t.deepEqual(parseSdpFragment(formatSdpFragment({ iceUfrag, icePwd, candidates: [candidate] })), { iceUfrag, icePwd });
    }),
    { seed: SEED + 1, numRuns: 200 },
  );
});
