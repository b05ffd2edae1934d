import type { NetworkInterfaceInfo } from 'node:os';
import test from 'ava';
import { candidateAddresses, candidatesOf } from '../../../plugins/webrtc/server/candidates.ts';

const row = (address: string, internal = false): NetworkInterfaceInfo =>
  address.includes(':')
    ? { address, internal, family: 'IPv6', netmask: '', mac: '', cidr: null, scopeid: 0 }
    : { address, internal, family: 'IPv4', netmask: '', mac: '', cidr: null };
const interfaces = { lo: [row('127.0.0.1', true), row('::1', true)], eth0: [row('fe80::1'), row('2001:db8::5'), row('192.0.2.5')], eth1: [row('198.51.100.5')] };

test('the addresses of the setting go before everything else', (t) => {
  t.deepEqual(candidateAddresses({ advertise: ['203.0.113.1'], boundHost: '0.0.0.0', interfaces }), ['203.0.113.1']);
});

test('a listener on one address has that one', (t) => {
  t.deepEqual(candidateAddresses({ advertise: [], boundHost: '192.0.2.5', interfaces }), ['192.0.2.5']);
});

test('a listener on all of IPv4 has the addresses of IPv4 interfaces, one on everything those of IPv6 as well, none link-local', (t) => {
  t.deepEqual(candidateAddresses({ advertise: [], boundHost: '0.0.0.0', interfaces }), ['192.0.2.5', '198.51.100.5']);
  t.deepEqual(candidateAddresses({ advertise: [], boundHost: '::', interfaces }), ['192.0.2.5', '198.51.100.5', '2001:db8::5']);
});

test('a machine without a network still serves itself', (t) => {
  t.deepEqual(candidateAddresses({ advertise: [], boundHost: '0.0.0.0', interfaces: { lo: interfaces.lo } }), ['127.0.0.1']);
});

test('candidates have different priorities, UDP before TCP, the first address first', (t) => {
  const candidates = candidatesOf(['192.0.2.5', '2001:db8::5'], { udp: 31_000, tcp: 31_000 });
  t.deepEqual(candidates.map(({ transport, address }) => `${transport} ${address}`), ['udp 192.0.2.5', 'udp 2001:db8::5', 'tcp 192.0.2.5', 'tcp 2001:db8::5']);
  const priorities = candidates.map(({ priority }) => priority);
  t.deepEqual(priorities, [...new Set(priorities)].sort((a, b) => b - a));
  t.true(priorities.every((priority) => priority > 0 && priority < 2 ** 31));
  t.is(priorities[0], 126 * 2 ** 24 + 65_535 * 2 ** 8 + 255);
  t.is(new Set(candidates.map(({ foundation }) => foundation)).size, 4);
});

test('a wish for one transport leaves the other out', (t) => {
  t.deepEqual(candidatesOf(['192.0.2.5'], { udp: 1, tcp: 2 }, 'tcp').map(({ transport, port }) => [transport, port]), [['tcp', 2]]);
  t.deepEqual(candidatesOf(['192.0.2.5'], { udp: undefined, tcp: 2 }, 'udp'), []);
});
