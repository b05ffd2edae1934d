import test from 'ava';
import fc from 'fast-check';
import { parseReplaces, readReferral } from '../../../plugins/sip/calls/referral.ts';
import { Transfer } from '../../../plugins/sip/calls/transfer.ts';
import type { TransferStatus } from '../../../core/media/telephony.ts';

const read = (referTo: string | undefined, referredBy?: string): ReturnType<typeof readReferral> => readReferral({ get: (name) => (name === 'refer-to' ? referTo : referredBy) }, ({ host }) => host !== 'us.test');

test('a REFER names a SIP address, and may name the call whose place the new one takes', (t) => {
  t.deepEqual(read('<sip:bob@b.test>'), { uri: 'sip:bob@b.test', replaces: undefined, referredBy: undefined });
  t.deepEqual(read('sip:bob@b.test:5070', '<sip:anna@a.test>'), { uri: 'sip:bob@b.test:5070', replaces: undefined, referredBy: '<sip:anna@a.test>' });
  t.deepEqual(read('<sips:bob@[2001:db8::1];transport=tcp;method=INVITE?Subject=x&Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>'), {
    uri: 'sips:bob@[2001:db8::1];transport=tcp',
    replaces: 'a@b;to-tag=1;from-tag=2',
    referredBy: undefined,
  });
});

for (const [what, referTo, status] of [
  ['nobody', undefined, 400], ['what is no address', 'bob', 400], ['a file', '<file:///etc/passwd>', 416], ['a web page', '<https://b.test/>', 416], ['a telephone number without an exchange', '<tel:+1>', 416],
  ['an exchange without a number', '<sip:b.test>', 416], ['ourselves', '<sip:bob@us.test>', 603], ['another method', '<sip:bob@b.test;method=BYE>', 603],
  ['a call that cannot be told', '<sip:bob@b.test?Replaces=a>', 400], ['a call with a line end', '<sip:bob@b.test?Replaces=a%0D%0AX%3Bto-tag%3D1%3Bfrom-tag%3D2>', 400], ['half an escape', '<sip:bob@b.test?Replaces=%>', 400],
] as const) {
  test(`a REFER to ${what} is refused with ${status}`, (t) => t.is(read(referTo), status));
}

test('Replaces names a dialog from the side of whoever has it', (t) => {
  t.deepEqual(parseReplaces('c@h;from-tag=f;to-tag=t'), { callId: 'c@h', localTag: 't', remoteTag: 'f', earlyOnly: false });
  t.like(parseReplaces('c;to-tag=t;from-tag=f;early-only'), { earlyOnly: true });
  for (const value of ['', 'c', 'c;to-tag=t', 'c;to-tag;from-tag', 'c;to-tag=t;from-tag=f, d', `${'c'.repeat(600)};to-tag=t;from-tag=f`]) t.is(parseReplaces(value), undefined, value);
});

test('whatever a REFER holds is read or refused, and never breaks out of a header', (t) => {
  const isSafe = (referTo: string, header: string): boolean =>
    [referTo, `<sip:${referTo}@b.test?Replaces=${encodeURIComponent(header)}>`, `<sip:b@b.test?Replaces=${header}>`].every((text) => {
      const referral = read(text, header);
      return typeof referral === 'number' || !/[\r\n]/.test(`${referral.uri}${referral.replaces ?? ''}${referral.referredBy ?? ''}`);
    });
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary-ascii' }), isSafe));
  t.true(isSafe('b', 'a;to-tag=1;from-tag=2'));
});

test('a transfer is told in the order of its states, each once, and ends once', async (t) => {
  const told: TransferStatus[] = [];
  const begin = async (status: number): Promise<Transfer> => {
    told.length = 0;
    const transfer = new Transfer({ target: '1003', status: undefined }, (_target, reached) => told.push(reached));
    await transfer.begin('sip:1003@b.test', 'sip:us@b.test', (request) => {
      t.deepEqual(request, { method: 'REFER', headers: { 'Refer-To': '<sip:1003@b.test>', 'Referred-By': '<sip:us@b.test>' } });
      return Promise.resolve({ status, reason: '' } as Awaited<ReturnType<Parameters<Transfer['begin']>[2]>>);
    }).catch(() => undefined);
    return transfer;
  };
  let transfer = await begin(202);
  for (const status of [100, 180, 200, 100, 486]) transfer.onNotify(status, status >= 200);
  t.deepEqual(told, ['ACCEPTED', 'TRYING', 'COMPLETED']);
  transfer = await begin(202);
  transfer.onNotify(100, true);
  t.deepEqual(told, ['ACCEPTED', 'FAILED'], 'without a final status nobody knows');
  transfer = await begin(202);
  transfer.onNotify(undefined, false);
  transfer.onNotify(603, true);
  t.deepEqual(told, ['ACCEPTED', 'TRYING', 'FAILED']);
  await begin(603);
  t.deepEqual(told, ['FAILED']);
});
