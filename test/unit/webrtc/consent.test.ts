import test from 'ava';
import { consentFailure } from '../../../plugins/webrtc/session/consent.ts';

const LIMITS = { firstCheckMs: 15_000, silentMs: 10_000, handshakeMs: 5_000 };
const waiting = { createdMs: 1000, firstCheckMs: undefined, lastHeardMs: undefined, connected: false };

test('a peer that never checks has failed by ICE timeout', (t) => {
  t.is(consentFailure(waiting, LIMITS, 15_999), undefined);
  t.is(consentFailure(waiting, LIMITS, 16_000), 'Failed by ICE timeout');
});

test('a peer that checks but does not end its handshake has failed by DTLS error', (t) => {
  const facts = { ...waiting, firstCheckMs: 2000, lastHeardMs: 6999 };
  t.is(consentFailure(facts, LIMITS, 6999), undefined);
  t.is(consentFailure(facts, LIMITS, 7000), 'Failed by DTLS error');
});

test('a connected peer that stops to check has failed by ICE keep alive', (t) => {
  const facts = { ...waiting, firstCheckMs: 2000, lastHeardMs: 50_000, connected: true };
  t.is(consentFailure(facts, LIMITS, 59_999), undefined);
  t.is(consentFailure(facts, LIMITS, 60_000), 'Failed by ICE keep alive');
});
