import test from 'ava';
import fc from 'fast-check';
import { addressInCidr, classifyAddress } from '../../../core/access/ip-address.ts';
import { checkTarget, type TargetPolicy } from '../../../core/access/ssrf-guard.ts';
import { WcsError } from '../../../core/errors/wcs-error.ts';

const strict: TargetPolicy = { allowLoopback: false, allowPrivate: false, allowed: [] };
const noDns = (host: string): Promise<string[]> => Promise.reject(new Error(`no DNS for ${host}`));
const byte = fc.integer({ min: 0, max: 255 });

/** Addresses of networks that a URL from outside may never name. */
const inner = fc.oneof(
  fc.tuple(fc.constant(127), byte, byte, byte),
  fc.tuple(fc.constant(10), byte, byte, byte),
  fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), byte, byte),
  fc.tuple(fc.constant(192), fc.constant(168), byte, byte),
  fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
  fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), byte, byte),
  fc.tuple(fc.constant(0), byte, byte, byte),
  fc.tuple(fc.integer({ min: 224, max: 255 }), byte, byte, byte),
);

/** The spellings of one IPv4 address that some resolver takes. */
const spellings = fc.tuple(inner, fc.constantFrom(
  ([a, b, c, d]: number[]) => [a, b, c, d].join('.'),
  ([a = 0, b = 0, c = 0, d = 0]: number[]) => String(((a * 256 + b) * 256 + c) * 256 + d),
  ([a = 0, b = 0, c = 0, d = 0]: number[]) => `0x${(((a * 256 + b) * 256 + c) * 256 + d).toString(16)}`,
  ([a = 0, b = 0, c = 0, d = 0]: number[]) => `0${(((a * 256 + b) * 256 + c) * 256 + d).toString(8)}`,
  (parts: number[]) => parts.map((part) => `0x${part.toString(16)}`).join('.'),
  (parts: number[]) => parts.map((part) => `0${part.toString(8)}`).join('.'),
  ([a = 0, b = 0, c = 0, d = 0]: number[]) => `${a}.${(b * 256 + c) * 256 + d}`,
  ([a = 0, b = 0, c = 0, d = 0]: number[]) => `${a}.${b}.${c * 256 + d}.`,
  (parts: number[]) => parts.join('%2e'),
  (parts: number[]) => parts.join('.').replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)),
  (parts: number[]) => `[::ffff:${parts.join('.')}]`,
  ([a = 0, b = 0, c = 0, d = 0]: number[]) => `[0:0:0:0:0:ffff:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}]`,
  (parts: number[]) => `[64:ff9b::${parts.join('.')}]`,
  (parts: number[]) => `[::${parts.join('.')}]`,
  ([a = 0, b = 0, c = 0, d = 0]: number[]) => `[2002:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}::1]`,
)).map(([parts, spell]) => spell(parts));

test('no spelling of an inner address is let through, for schemes known to the URL standard and others', async (t) => {
  await fc.assert(fc.asyncProperty(spellings, fc.constantFrom('http', 'https', 'ws', 'rtsp', 'rtmp', 'srt'), async (host, scheme) => {
    const error = await checkTarget(`${scheme}://u:p@${host}:8080/x`, strict, noDns).then(() => undefined, (reason: unknown) => reason);
    return error instanceof WcsError && error.code === 'ACCESS_E_REFUSED';
  }), { numRuns: 3000 });
  t.pass();
});

test('an inner address that a name resolves to is refused, also among public ones, and the first address is pinned', async (t) => {
  await fc.assert(fc.asyncProperty(inner, async (parts) => {
    const resolve = (): Promise<string[]> => Promise.resolve(['93.184.215.14', parts.join('.')]);
    return checkTarget('rtmp://cdn.example/x', strict, resolve).then(() => false, (error: unknown) => error instanceof WcsError);
  }));
  const target = await checkTarget('rtmp://CDN.Example./live', strict, () => Promise.resolve(['93.184.215.14', '1.1.1.1']));
  t.like(target, { host: 'cdn.example', address: '93.184.215.14', family: 4, port: 1935 });
  t.like(await checkTarget('https://[2606:4700::1]:99/', strict, noDns), { address: '2606:4700::1', family: 6, port: 99 });
});

test('any address at all has a class, and any text gives a target or a refusal', async (t) => {
  const classes = new Set(['public', 'loopback', 'private', 'linkLocal', 'metadata', 'multicast', 'unspecified', 'reserved']);
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (address) => classes.has(classifyAddress(address))));
  await fc.assert(fc.asyncProperty(fc.oneof(fc.webUrl(), fc.string(), fc.string().map((host) => `rtsp://${host}/`)), (url) =>
    checkTarget(url, strict, noDns).then(() => true, (error: unknown) => error instanceof WcsError)));
  t.pass();
});

test('address classes at their edges', (t) => {
  const expected = {
    public: ['9.255.255.255', '11.0.0.0', '172.15.255.255', '172.32.0.0', '100.128.0.0', '223.255.255.255', '2606:4700::1', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2002:808:808::1'],
    loopback: ['127.255.255.255', '::1', '::ffff:127.0.0.1'],
    private: ['100.127.255.255', 'fd12::1', 'fec0::1'],
    linkLocal: ['169.254.0.1', 'fe80::1%eth0', 'febf::1'],
    metadata: ['169.254.169.254', 'fd00:ec2::254', '::ffff:169.254.169.254', '100.100.100.200'],
    multicast: ['239.1.1.1', 'ff02::1'],
    unspecified: ['0.0.0.0', '::'],
    reserved: ['255.255.255.255', '2001:db8::1', '2001::1', '100::1', 'not an address', '192.0.2.1'],
  };
  for (const [kind, addresses] of Object.entries(expected)) for (const address of addresses) t.is(classifyAddress(address), kind as never, address);
});

test('the policy opens loopback, private networks, and what is listed; metadata only when listed', async (t) => {
  const passes = (url: string, policy: Partial<TargetPolicy>) => checkTarget(url, { ...strict, ...policy }, () => Promise.resolve(['10.1.2.3'])).then(() => true, () => false);
  t.true(await passes('http://127.0.0.1/', { allowLoopback: true }));
  t.false(await passes('http://127.0.0.1/', { allowPrivate: true }));
  t.true(await passes('http://10.0.0.1/', { allowPrivate: true }));
  t.false(await passes('http://169.254.169.254/', { allowPrivate: true, allowLoopback: true }));
  t.true(await passes('http://169.254.169.254/', { allowed: ['169.254.169.254'] }));
  t.true(await passes('rtsp://camera.local/', { allowed: ['camera.local'] }));
  t.true(await passes('rtsp://a.cams.local/', { allowed: ['*.cams.local'] }));
  t.false(await passes('rtsp://cams.local/', { allowed: ['*.cams.local'] }));
  t.true(await passes('rtsp://camera.local/', { allowed: ['10.1.0.0/16'] }));
  t.false(await passes('rtsp://camera.local/', { allowed: ['10.1.2.0/33', '10.1.2.3/', 'nonsense/8', ''] }));
  t.true(addressInCidr('::ffff:10.1.2.3', '10.0.0.0/8'));
});

test('a URL without a host is refused', async (t) => {
  for (const url of ['file:///etc/passwd', 'rtsp:///x', 'data:,x', 'x', 'http://a..b/', 'rtsp://%00/', 'rtsp://1.2.3.4.5/', 'rtsp://08.1.1.1/']) {
    await t.throwsAsync(checkTarget(url, strict, () => Promise.resolve(['8.8.8.8'])), { instanceOf: WcsError }, url);
  }
});
