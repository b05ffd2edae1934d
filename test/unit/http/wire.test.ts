import test from 'ava';
import fc from 'fast-check';
import { ERRORS, WcsError } from '../../../core/api.ts';
import { parseBasicCredentials } from '../../../plugins/http/wire/basic-credentials.ts';
import { JSON_MAX_DEPTH, parseJsonBody } from '../../../plugins/http/wire/json-body.ts';
import { mayWrite } from '../../../plugins/http/wire/origin.ts';
import { isLoopback, limitKeyOf } from '../../../plugins/http/wire/peer-address.ts';
import { answerOf, HttpFailure, STATUS_OF_KIND } from '../../../plugins/http/wire/rest-error.ts';
import { isFind, operationNameOf, pathOfOperation } from '../../../plugins/http/wire/rest-path.ts';
import { formatStatJson, formatStatText, parseStatSelection, selectStats } from '../../../plugins/http/wire/stat-page.ts';

const GROUPS = [
  { group: 'connections_stats', values: [{ name: 'connections', value: 3 }, { name: 'connections_hls', value: 1 }] },
  { group: 'transcoding_stats', values: [{ name: 'transcoding_video_full_info', value: 'a=b\r\nc' }, { name: 'load[cpu]', value: 0.5 }] },
];

/** Reads the text form the way WCS client libraries do. */
function readAsClients(text: string): Record<string, Record<string, string>> {
  const blocks: Record<string, Record<string, string>> = {};
  let current: Record<string, string> | undefined;
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const header = /^-+([A-Za-z_]+) */.exec(line)?.[1];
    if (header !== undefined) current = blocks[header.toLowerCase()] = {};
    else current![line.split('=')[0]!] = line.split('=').slice(1).join('=');
  }
  return blocks;
}

test('The statistics text is read back by a client as blocks of keys and values', (t) => {
  t.is(formatStatText(GROUPS), '-----connections_stats-----\nconnections=3\nconnections_hls=1\n-----transcoding_stats-----\ntranscoding_video_full_info=a=b c\nload[cpu]=0.5\n');
  t.deepEqual(readAsClients(formatStatText(GROUPS)), {
    connections_stats: { connections: '3', connections_hls: '1' },
    transcoding_stats: { transcoding_video_full_info: 'a=b c', 'load[cpu]': '0.5' },
  });
});

test('Statistics are narrowed by groups and by names, and keep their headers', (t) => {
  const select = (query: string) => selectStats(GROUPS, parseStatSelection(new URLSearchParams(query)));
  t.deepEqual(formatStatJson(select('params=connections_hls')), { connections_stats: { connections_hls: 1 } });
  t.deepEqual(formatStatJson(select('groups=connections_stats')), { connections_stats: { connections: 3, connections_hls: 1 } });
  t.deepEqual(formatStatJson(select('params=load,connections')), { connections_stats: { connections: 3 }, transcoding_stats: { 'load[cpu]': 0.5 } });
  t.deepEqual(select('groups=nothing'), []);
  t.is(formatStatText(select('params=nothing')), '');
});

test('A REST path names an operation, in both versions of the API', (t) => {
  t.is(operationNameOf('stream/find_all'), 'stream.find_all');
  t.is(operationNameOf('v3/stream/find_all'), 'stream.find_all');
  t.is(operationNameOf('stream/find_all/'), 'stream.find_all');
  t.is(operationNameOf('pull/rtmp/pull'), 'pull.rtmp.pull');
  t.is(operationNameOf('api/create-session'), 'api.create-session');
  for (const bad of ['', 'stream', 'v3', 'v3/stream', 'stream//find', 'stream/..', 'a/b/c/d/e/f/g', 'stream/find%00', 'stream/find.all']) t.is(operationNameOf(bad), undefined, bad);
  t.is(pathOfOperation('pull.rtmp.pull'), '/rest-api/pull/rtmp/pull');
  t.true(isFind('stream.find') && isFind('call.find_all') && !isFind('stream.finder') && !isFind('find.it'));
});

test('Every kind of failure has the status that WCS gives it', (t) => {
  t.deepEqual(STATUS_OF_KIND, { invalid: 400, unauthenticated: 401, refused: 403, notFound: 404, conflict: 409, busy: 503, internal: 500 });
  for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[]) {
    const { status, body } = answerOf(new WcsError(code, 'why', { details: { port: 1 } }));
    t.deepEqual({ status, body }, { status: STATUS_OF_KIND[ERRORS[code]], body: { error: { code, message: 'why', details: { port: 1 } } } });
  }
  t.like(answerOf(new HttpFailure(429, 'ACCESS_E_ATTEMPTS', 'slow', { 'Retry-After': '3' })), { status: 429, headers: { 'Retry-After': '3' }, isFault: false });
});

test('What is no error of ours is a fault whose sentence stays inside', (t) => {
  const answer = answerOf(new TypeError('cannot read /etc/secret'));
  t.true(answer.isFault);
  t.is(answer.status, 500);
  t.notRegex(JSON.stringify(answer.body), /secret/);
  t.is(answerOf(Object.assign(new Error('too large'), { statusCode: 413 })).body.error.code, 'PROTOCOL_E_LIMIT');
  t.is(answerOf('a string').status, 500);
});

test('Basic credentials are read as RFC 7617 writes them', (t) => {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  t.deepEqual(parseBasicCredentials('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='), { user: 'Aladdin', password: 'open sesame' });
  t.deepEqual(parseBasicCredentials(`basic ${encode('test:1£:2')}`), { user: 'test', password: '1£:2' });
  for (const bad of [undefined, '', 'Basic', 'Basic !!', 'Bearer abc', `Basic ${encode('nocolon')}`, `Basic ${encode(':password')}`, `Basic ${'A'.repeat(2000)}`]) t.is(parseBasicCredentials(bad), undefined);
});

test('Any user and password come through the header as they are', (t) => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 50 }).filter((user) => !user.includes(':')), fc.string({ maxLength: 50, unit: 'grapheme' }), (user, password) => {
      t.deepEqual(parseBasicCredentials(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`), { user, password });
    }),
  );
});

test('A body is JSON or empty, not too deep, and touches no prototype', (t) => {
  t.is(parseJsonBody(''), undefined);
  t.is(parseJsonBody(' \r\n'), undefined);
  t.deepEqual(parseJsonBody('\ufeff{"a":["}{",1]}'), { a: ['}{', 1] });
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  t.notThrows(() => parseJsonBody(nested(JSON_MAX_DEPTH)));
  for (const bad of [nested(JSON_MAX_DEPTH + 1), '['.repeat(500_000), '{"a":'.repeat(100_000), '{"__proto__":{"role":"admin"}}', '{"a":{"\\u005f_proto__":1}}', '{', 'a=b', '"\\']) {
    t.throws(() => parseJsonBody(bad), { instanceOf: WcsError, code: 'OPERATION_E_INPUT' });
  }
});

test('Whatever text a body is, only OPERATION_E_INPUT comes of it, and good JSON comes through', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parseJsonBody(text);
      } catch (error) {
        t.true(error instanceof WcsError && error.code === 'OPERATION_E_INPUT');
      }
    }),
  );
  fc.assert(fc.property(fc.json({ maxDepth: 5 }).filter((text) => !text.includes('__proto__')), (text) => t.deepEqual(parseJsonBody(text), JSON.parse(text))));
});

test('A foreign page may not change anything unless it is listed', (t) => {
  const from = (origin: string | undefined, fetchSite?: string) => ({ origin, host: 'Media.example.com:8081', fetchSite });
  t.true(mayWrite(from(undefined), []));
  t.true(mayWrite(from(undefined, 'same-origin'), []));
  t.true(mayWrite(from('http://media.example.com:8081'), []));
  t.false(mayWrite(from('http://media.example.com'), []));
  t.false(mayWrite(from('http://evil.example'), []));
  t.false(mayWrite(from('null'), []));
  t.false(mayWrite(from(undefined, 'cross-site'), []));
  t.false(mayWrite({ origin: 'null', host: undefined, fetchSite: undefined }, []));
  t.true(mayWrite(from('https://admin.example'), ['https://admin.example']));
  t.true(mayWrite(from('http://evil.example'), ['*']));
});

test('Failed sign-ins are counted by IPv4 address or IPv6 /64', (t) => {
  t.is(limitKeyOf('10.1.2.3'), '10.1.2.3');
  t.is(limitKeyOf('::ffff:10.1.2.3'), '10.1.2.3');
  t.is(limitKeyOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  t.is(limitKeyOf('2001:DB8::1'), limitKeyOf('2001:0db8:0:0:ffff::9'));
  t.is(limitKeyOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
  t.true(isLoopback('::1') && isLoopback('127.0.0.9') && isLoopback('::ffff:127.0.0.1'));
  t.false(isLoopback('10.0.0.1') || isLoopback('127.evil') || isLoopback(''));
});
