import test from 'ava';
import { addressesOf, calleeUri, fromHeader, userOf } from '../../../plugins/sip/calls/addresses.ts';
import { outcomeOf } from '../../../plugins/sip/calls/outcome.ts';
import { grantedS, refreshAfterMs, retryAfterMs } from '../../../plugins/sip/calls/registration-times.ts';

const account = { login: '1001', authenticationName: '', password: '', domain: 'pbx.test', outboundProxy: '', port: 0, registerRequired: true, visibleName: '' };

test('an account says where its requests go: a proxy, a port, or what the domain says', (t) => {
  t.deepEqual(addressesOf(account), { own: 'sip:1001@pbx.test', registrar: 'sip:pbx.test', proxy: undefined, host: 'pbx.test' });
  t.is(addressesOf({ ...account, port: 5070 }).proxy, 'sip:pbx.test:5070');
  t.is(addressesOf({ ...account, port: 5070, outboundProxy: '192.0.2.1' }).proxy, 'sip:192.0.2.1:5070');
  t.is(addressesOf({ ...account, outboundProxy: '192.0.2.1:5080;transport=TCP' }).proxy, 'sip:192.0.2.1:5080;transport=tcp');
  t.is(addressesOf({ ...account, login: 'a b@c' }).own, 'sip:a%20b%40c@pbx.test');
});

for (const [what, change] of [
  ['no login', { login: '' }], ['no domain', { domain: '' }], ['a domain with a line end', { domain: 'a\r\nb' }], ['a proxy that is none', { outboundProxy: 'a b' }], ['a proxy with parameters', { outboundProxy: 'a;lr' }],
] as const) {
  test(`an account with ${what} is refused`, (t) => {
    t.throws(() => addressesOf({ ...account, ...change }), { code: 'OPERATION_E_INPUT' });
  });
}

test('a callee is a number of the domain or a whole address, and nothing that could be more than that', (t) => {
  const addresses = addressesOf(account);
  t.is(calleeUri('1002', addresses), 'sip:1002@pbx.test');
  t.is(calleeUri('bob@else.test', addresses), 'sip:bob@else.test');
  t.is(calleeUri('sips:bob@else.test:5061', addresses), 'sips:bob@else.test:5061');
  t.is(calleeUri('a\r\nVia: x', addresses), 'sip:a%0D%0AVia%3A%20x@pbx.test', 'escaped');
  for (const callee of ['', 'sip:pbx.test', 'sip:a@b?Replaces=x', 'a@b>\r\nX: y', '9'.repeat(300)]) t.throws(() => calleeUri(callee, addresses), { code: 'OPERATION_E_INPUT' }, callee);
});

test('names for people carry nothing that ends them', (t) => {
  t.is(fromHeader('Bob "the\r\n" \\ builder', 'sip:b@c'), '"Bob the  builder" <sip:b@c>');
  t.is(fromHeader('', 'sip:b@c'), '<sip:b@c>');
  t.is(userOf('sip:a%20b@c'), 'a b');
  t.is(userOf('tel:1'), '');
});

test('a registration lasts as long as our own Contact was granted, and is refreshed in good time', (t) => {
  t.is(grantedS('<sip:other@1>;expires=10, <sip:tok@1>;expires=60', '3600', 'tok', 600), 60);
  t.is(grantedS('<sip:tok@1>', '3600', 'tok', 600), 3600);
  t.is(grantedS('', undefined, 'tok', 600), 600);
  t.deepEqual([refreshAfterMs(60, 0), refreshAfterMs(60, 1), refreshAfterMs(1, 0)], [30_000, 48_000, 5000]);
});

test('a failed registration waits longer each time, up to half an hour', (t) => {
  t.deepEqual([1, 2, 3].map((failures) => retryAfterMs(failures, 0)), [30_000, 60_000, 120_000]);
  t.is(retryAfterMs(1000, 0), 1_800_000);
  t.is(retryAfterMs(1, 1), 15_000);
});

test('final answers are told in the words of clients', (t) => {
  t.like(outcomeOf(486, 'Busy Here'), { status: 'BUSY', cause: 'busy', statusCode: 486 });
  t.like(outcomeOf(487, 'Request Terminated'), { status: 'FINISH', cause: 'normal' });
  t.like(outcomeOf(488, 'Not Acceptable Here'), { status: 'FAILED', cause: 'media', info: 'No common codecs' });
  t.like(outcomeOf(404, 'Not\r\nFound'), { status: 'FAILED', cause: 'unknown', info: '404 Not  Found' });
  t.like(outcomeOf(503, ''), { status: 'FAILED', cause: 'server', info: '503' });
});
