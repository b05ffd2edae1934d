import { randomBytes } from 'node:crypto';
import test from 'ava';
import { judgeCheck, newIceCredentials, type CheckedPeer } from '../../../plugins/webrtc/session/ice-lite.ts';
import { hasIntegrity, integrityKey, parseStun, STUN_ATTRIBUTE, valueOf } from '../../../plugins/webrtc/wire/stun.ts';
import { writeStun, xorMappedAddress, type StunOutline } from '../../../plugins/webrtc/wire/stun-write.ts';

const FROM = { address: '192.0.2.7', port: 4000 };
const credentials = newIceCredentials();
const peer: CheckedPeer<string> = { peer: 'peer', credentials, remoteUfrag: 'them', key: integrityKey(credentials.pwd) };
const find = (ufrag: string): CheckedPeer<string> | undefined => (ufrag === credentials.ufrag ? peer : undefined);
const username = (text: string) => ({ type: STUN_ATTRIBUTE.username, value: Buffer.from(text) });
const own = username(`${credentials.ufrag}:them`);
const judge = (outline: Partial<StunOutline>) =>
  judgeCheck(writeStun({ class: 'request', transactionId: randomBytes(12), attributes: [own], key: peer.key, ...outline }), FROM, find);
const statusOf = (response: Buffer | undefined): number | undefined => {
  const value = response === undefined ? undefined : valueOf(parseStun(response), STUN_ATTRIBUTE.errorCode);
  return value === undefined ? undefined : (value[2] ?? 0) * 100 + (value[3] ?? 0);
};

test('a valid check is answered with the address that it came from, protected by our password', (t) => {
  const outcome = judge({});
  if (outcome.type !== 'valid') return t.fail(outcome.cause);
  const message = parseStun(outcome.response);
  t.like(outcome, { nominated: false, checked: peer });
  t.is(message.class, 'success');
  t.true(hasIntegrity(message, peer.key));
  t.deepEqual(valueOf(message, STUN_ATTRIBUTE.xorMappedAddress), xorMappedAddress(FROM.address, FROM.port, message.transactionId).value);
});

test('USE-CANDIDATE nominates', (t) => {
  t.like(judge({ attributes: [own, { type: STUN_ATTRIBUTE.useCandidate, value: new Uint8Array(0) }] }), { type: 'valid', nominated: true });
});

for (const [name, outline, cause, status] of [
  ['without MESSAGE-INTEGRITY', { key: undefined }, 'noCredentials', 400],
  ['without USERNAME', { attributes: [] }, 'noCredentials', 400],
  ['for a ufrag that is not ours', { attributes: [username('nobody:them')] }, 'unknownUfrag', 401],
  ['of another agent than the one of the description', { attributes: [username(`${credentials.ufrag}:other`)] }, 'unknownUfrag', 401],
  ['with an endless USERNAME', { attributes: [username(`${credentials.ufrag}:${'x'.repeat(600)}`)] }, 'unknownUfrag', 401],
  ['with a wrong password', { key: integrityKey('wrong') }, 'wrongIntegrity', 401],
  ['with an attribute that must be understood and is not', { attributes: [own, { type: 0x0077, value: Buffer.alloc(4) }] }, 'unknownAttribute', 420],
  ['of an agent that believes itself controlled', { attributes: [own, { type: STUN_ATTRIBUTE.iceControlled, value: Buffer.alloc(8) }] }, 'roleConflict', 487],
] as const) {
  test(`a check ${name} is refused with ${status}`, (t) => {
    const outcome = judge(outline);
    if (outcome.type !== 'refused') return t.fail();
    t.is(outcome.cause, cause);
    t.is(statusOf(outcome.response), status);
  });
}

test('unknown attributes are named, and those that may be ignored are', (t) => {
  const outcome = judge({ attributes: [own, { type: 0x0077, value: Buffer.alloc(1) }, { type: 0xc057, value: Buffer.alloc(4) }] });
  if (outcome.type !== 'refused' || outcome.response === undefined) return t.fail();
  t.deepEqual(valueOf(parseStun(outcome.response), STUN_ATTRIBUTE.unknownAttributes), Buffer.from([0x00, 0x77]));
  t.is(judge({ attributes: [own, { type: 0xc057, value: Buffer.alloc(4) }] }).type, 'valid');
});

for (const kind of ['indication', 'success', 'error'] as const) {
  test(`of class ${kind}, nothing is answered`, (t) => {
    t.deepEqual(judge({ class: kind }), { type: 'refused', cause: 'notRequest' });
  });
}

test('credentials are long enough, of the allowed characters, and never the same', (t) => {
  const many = Array.from({ length: 200 }, newIceCredentials);
  t.true(many.every(({ ufrag, pwd }) => /^[A-Za-z0-9+/]{12}$/.test(ufrag) && /^[A-Za-z0-9+/]{32}$/.test(pwd)));
  t.is(new Set(many.flatMap(({ ufrag, pwd }) => [ufrag, pwd])).size, 400);
});
