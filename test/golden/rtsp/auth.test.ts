import test from 'ava';
import { parseAuthHeader } from '../../../plugins/rtsp/wire/auth-header.ts';
import { encodeBasicChallenge, encodeBasicCredentials, isSameSecret, parseBasicCredentials } from '../../../plugins/rtsp/wire/basic-auth.ts';
import { answerDigest, digestSecret, encodeDigestChallenge, isRightDigest, parseDigestChallenge, parseDigestCredentials, type DigestChallenge } from '../../../plugins/rtsp/wire/digest-auth.ts';

const MUFASA = { user: 'Mufasa', password: 'Circle of Life' };

function challengeOf(value: string): DigestChallenge {
  const challenge = parseAuthHeader(value).map(parseDigestChallenge).find((one) => one !== undefined);
  if (challenge === undefined) throw new Error('No challenge');
  return challenge;
}

test('challenges of several schemes in one value are parted', (t) => {
  t.deepEqual(parseAuthHeader('Digest realm="a, b=c", nonce="x\\"y", qop="auth,auth-int", Basic realm=plain').map(({ scheme, parameters }) => [scheme, { ...parameters }]), [
    ['digest', { realm: 'a, b=c', nonce: 'x"y', qop: 'auth,auth-int' }],
    ['basic', { realm: 'plain' }],
  ]);
});

test('the digests of RFC 7616 section 3.9.1 are made', (t) => {
  const request = { method: 'GET', uri: '/dir/index.html', nonceCount: 1, cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' };
  const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v';
  for (const [algorithm, response] of [['MD5', '8ca523f5e9506fed4657c9700eebdbec'], ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1']]) {
    const challenge = challengeOf(`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm ?? ''}, nonce="${nonce}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`);
    const answer = answerDigest(challenge, MUFASA, request);
    t.true(answer.includes(`response="${response ?? ''}"`), answer);
    t.true(answer.includes('nc=00000001'));
  }
});

test('the digest of RFC 2617 section 3.5 is made, and one of RFC 2069 without quality of protection', (t) => {
  const nonce = 'dcd98b7102dd2f0e8b11d0f600bfb0c093';
  const request = { method: 'GET', uri: '/dir/index.html', nonceCount: 1, cnonce: '0a4f113b' };
  const credentials = { user: 'Mufasa', password: 'Circle Of Life' };
  t.true(answerDigest(challengeOf(`Digest realm="testrealm@host.com", qop="auth", nonce="${nonce}"`), credentials, request).includes('response="6629fae49393a05397450978507c4ef1"'));
  const plain = answerDigest(challengeOf(`Digest realm="testrealm@host.com", nonce="${nonce}"`), credentials, request);
  t.true(plain.includes('response="670fd8c2df070c60b045671b8b24ff02"'), plain);
  t.false(plain.includes('cnonce') || plain.includes('algorithm'));
});

test('an answer is right for its own method and secret only', (t) => {
  for (const algorithm of ['MD5', 'SHA-256'] as const) {
    for (const qop of ['auth', undefined] as const) {
      const challenge = challengeOf(encodeDigestChallenge({ realm: 'ca"m', nonce: 'n', algorithm, qop, stale: true, opaque: 'o', saysAlgorithm: true }));
      t.like(challenge, { realm: 'ca"m', nonce: 'n', algorithm, qop, stale: true, opaque: 'o' });
      const [header] = parseAuthHeader(answerDigest(challenge, MUFASA, { method: 'PLAY', uri: 'rtsp://h/a,b', nonceCount: 20, cnonce: 'c' }));
      const credentials = header === undefined ? undefined : parseDigestCredentials(header);
      if (credentials === undefined) return void t.fail('no credentials');
      t.like(credentials, { user: 'Mufasa', realm: 'ca"m', uri: 'rtsp://h/a,b', qop, nonceCount: qop === undefined ? '' : '00000014' });
      t.true(isRightDigest(credentials, digestSecret(algorithm, 'Mufasa', 'ca"m', MUFASA.password), 'PLAY'));
      t.false(isRightDigest(credentials, digestSecret(algorithm, 'Mufasa', 'ca"m', MUFASA.password), 'PAUSE'));
      t.false(isRightDigest(credentials, digestSecret(algorithm, 'Mufasa', 'ca"m', 'wrong'), 'PLAY'));
      t.false(isRightDigest({ ...credentials, nonce: 'm' }, digestSecret(algorithm, 'Mufasa', 'ca"m', MUFASA.password), 'PLAY'));
    }
  }
});

test('challenges and credentials that cannot be served are left out', (t) => {
  for (const value of ['Digest realm="a"', 'Digest realm="a", nonce="b", algorithm=SHA-512-256', 'Digest realm="a", nonce="b", qop="auth-int"', 'Basic realm="a"']) {
    t.deepEqual(parseAuthHeader(value).map(parseDigestChallenge), [undefined], value);
  }
  const whole = 'Digest username="u", realm="r", nonce="n", uri="*", response="00"';
  t.not(parseAuthHeader(whole).map(parseDigestCredentials)[0], undefined);
  for (const value of [`${whole}, qop=auth, nc=1, cnonce="c"`, `${whole}, qop=auth, nc=00000001`, `${whole}, qop=auth-int, nc=00000001, cnonce=c`, 'Digest username="u", realm="r", nonce="n", uri="*"']) {
    t.deepEqual(parseAuthHeader(value).map(parseDigestCredentials), [undefined], value);
  }
});

test('Basic credentials hold colons and characters of any script', (t) => {
  t.is(encodeBasicCredentials({ user: 'Aladdin', password: 'open sesame' }), 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==');
  for (const password of ['', 'a:b', 'пароль', 'a']) {
    t.deepEqual(parseAuthHeader(encodeBasicCredentials({ user: 'ю', password })).map(parseBasicCredentials), [{ user: 'ю', password }]);
  }
  t.deepEqual(parseAuthHeader('Basic Zm9v').map(parseBasicCredentials), [undefined]);
  t.is(encodeBasicChallenge('a"b'), 'Basic realm="a\\"b"');
});

test('secrets of any two lengths are compared', (t) => {
  t.true(isSameSecret('same', 'same'));
  t.false(isSameSecret('same', 'sam'));
  t.false(isSameSecret('', 'x'));
});
