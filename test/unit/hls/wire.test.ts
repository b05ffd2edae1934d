import test from 'ava';
import { parseByteRange } from '../../../plugins/hls/wire/byte-range.ts';
import { parseHlsQuery, QUERY_MAX } from '../../../plugins/hls/wire/directives.ts';
import { writeMultivariantPlaylist } from '../../../plugins/hls/wire/multivariant-playlist.ts';
import { fileName, parseRequestPath, playlistPath, type MediaFile } from '../../../plugins/hls/wire/request-path.ts';
import { readRequest } from '../../../plugins/hls/wire/request.ts';

test('a range is read, cut to the resource, ignored when it is malformed and refused when nothing is in it', (t) => {
  t.deepEqual(parseByteRange('bytes=0-9', 100), { start: 0, end: 10 });
  t.deepEqual(parseByteRange('bytes=90-', 100), { start: 90, end: 100 });
  t.deepEqual(parseByteRange('bytes=-5', 100), { start: 95, end: 100 });
  t.deepEqual(parseByteRange('bytes=-500', 100), { start: 0, end: 100 });
  t.deepEqual(parseByteRange('bytes=10-9007199254740991', 100), { start: 10, end: 100 });
  t.is(parseByteRange('bytes=100-', 100), 'unsatisfiable');
  t.is(parseByteRange('bytes=-0', 100), 'unsatisfiable');
  for (const header of [undefined, 'bytes=-', 'bytes=9-1', 'items=0-1', 'bytes=0-1,5-6', 'bytes=a-b']) t.is(parseByteRange(header, 100), 'whole');
});

test('directives are told from parameters, and reserved names that are unknown are ignored', (t) => {
  t.deepEqual(parseHlsQuery('_HLS_msn=12&_HLS_part=3&_HLS_skip=YES&_HLS_new=1&token=a%20b&type=ts'), {
    directives: { block: { msn: 12, part: 3 }, skip: true },
    container: 'ts',
    params: { token: 'a b' },
    suffix: '?token=a+b',
  });
  t.deepEqual(parseHlsQuery(''), { directives: { skip: false }, params: {}, suffix: '' });
  t.like(parseHlsQuery('_HLS_skip=v2'), { directives: { skip: true } });
  t.like(parseHlsQuery('_HLS_skip=NO'), { directives: { skip: false } });
});

test('directives that make no sense are refused with a reason', (t) => {
  for (const query of ['_HLS_part=1', '_HLS_msn=', '_HLS_msn=-1', '_HLS_msn=1.5', '_HLS_msn=1&_HLS_part=x', 'a'.repeat(QUERY_MAX + 1)]) t.is(typeof parseHlsQuery(query), 'string', query);
});

test("a quote in a viewer's parameter cannot leave the URI attribute", (t) => {
  const query = parseHlsQuery('token=%22%0A%23EXT');
  t.is(typeof query === 'string' ? query : query.suffix, '?token=%22%0A%23EXT');
});

test('paths name playlists, files and containers; slashes in a name are encoded or redirected', (t) => {
  t.deepEqual(parseRequestPath('/cam/cam.m3u8'), { type: 'playlist', name: 'cam' });
  t.deepEqual(parseRequestPath('/cam/ts/cam.m3u8'), { type: 'playlist', name: 'cam', container: 'ts' });
  t.deepEqual(parseRequestPath('/live%2Fcam/live%2Fcam.m3u8'), { type: 'playlist', name: 'live/cam' });
  t.deepEqual(parseRequestPath('/live/cam/live/cam.m3u8'), { type: 'redirect', location: '/live%2Fcam/live%2Fcam.m3u8' });
  t.deepEqual(parseRequestPath('/live/cam/ts/live/cam.m3u8'), { type: 'redirect', location: '/live%2Fcam/ts/live%2Fcam.m3u8' });
  t.deepEqual(parseRequestPath('/cam/master.m3u8'), { type: 'multivariant', name: 'cam' });
  t.deepEqual(parseRequestPath('/master/master.m3u8'), { type: 'playlist', name: 'master' });
  t.deepEqual(parseRequestPath('/cam/ts/abc-7.ts'), { type: 'file', name: 'cam', file: { type: 'segment', token: 'abc', msn: 7, extension: 'ts' } });
  for (const path of ['', '/', '/cam', '/cam/', '/cam/dog.m3u8', '//cam.m3u8', '/cam/../etc/passwd', '/cam/%2e%2e', '/%ff/x.m3u8', '/cam/abc-7.0.ts', '/cam/x/cam.m3u8', `/${'a'.repeat(9000)}`]) {
    t.is(parseRequestPath(path), undefined, path);
  }
});

test('file names and playlist paths are read back as they were', (t) => {
  const files: MediaFile[] = [
    { type: 'init', token: 'a1', id: 0 },
    { type: 'segment', token: 'a1', msn: 12, extension: 'm4s' },
    { type: 'segment', token: 'a1', msn: 12, extension: 'ts' },
    { type: 'part', token: 'a1', msn: 12, part: 3 },
  ];
  for (const file of files) t.deepEqual(parseRequestPath(`/cam/${fileName(file)}`), { type: 'file', name: 'cam', file });
  t.deepEqual(parseRequestPath(playlistPath('a/b ü?#', 'ts')), { type: 'playlist', name: 'a/b ü?#', container: 'ts' });
});

test('a request is refused for its method, its name or its query before anything is looked up', (t) => {
  t.like(readRequest('POST', '/cam/cam.m3u8'), { type: 'reply', status: 405 });
  t.like(readRequest('GET', '/a%20b/a%20b.m3u8'), { type: 'reply', status: 404 });
  t.like(readRequest('GET', '/..%2fx/..%2fx.m3u8'), { type: 'reply', status: 404 });
  t.like(readRequest('GET', '/cam/cam.m3u8?_HLS_part=1'), { type: 'reply', status: 400 });
  t.like(readRequest('GET', '/cam/cam.m3u8?a=1&type=ts'), { type: 'reply', status: 302, headers: { Location: '/cam/ts/cam.m3u8?a=1' } });
  t.like(readRequest('HEAD', '/cam/cam.m3u8?a=1'), { type: 'stream', query: { params: { a: '1' } } });
});

test('a multivariant playlist lists what is known of a variant', (t) => {
  t.is(
    writeMultivariantPlaylist([{ uri: 'cam.m3u8', bandwidthBps: 1000.5, averageBandwidthBps: 900, codecs: ['avc1.42E01F', 'mp4a.40.2'], width: 640, height: 360, frameRate: 29.97 }]),
    '#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH=1001,AVERAGE-BANDWIDTH=900,CODECS="avc1.42E01F,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=29.970\ncam.m3u8\n',
  );
});
