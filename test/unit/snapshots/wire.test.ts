import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { decodableOf, ivfOf } from '../../../plugins/snapshots/wire/decodable.ts';
import { parsePicturePath } from '../../../plugins/snapshots/wire/picture-path.ts';
import av1Data from '../../golden/data/av1.json';
import h264Data from '../../golden/data/h264.json';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const parse = (target: string) => {
  const url = new URL(`http://server${target}`);
  return parsePicturePath(url.pathname, url.searchParams);
};

test('a path names stream and format, the query the width', (t) => {
  t.deepEqual(parse('/snapshot/camera.png'), { streamName: 'camera', wish: { format: 'png' } });
  t.deepEqual(parse('/snapshot/hall%2Fcamera.v2.JPG?width=320'), { streamName: 'hall/camera.v2', wish: { format: 'jpeg', width: 320 } });
  for (const [target, code] of [
    ['/snapshot/camera', 'MEDIA_E_NOT_FOUND'],
    ['/snapshot/.png', 'MEDIA_E_NOT_FOUND'],
    ['/snapshot/camera.gif', 'MEDIA_E_NOT_FOUND'],
    ['/snapshot/%ff.png', 'MEDIA_E_NAME_INVALID'],
    ['/snapshot/a%00b.png', 'MEDIA_E_NAME_INVALID'],
    ['/snapshot/camera.png?width=0', 'OPERATION_E_INPUT'],
    ['/snapshot/camera.png?width=99999', 'OPERATION_E_INPUT'],
    ['/snapshot/camera.png?width=3e2', 'OPERATION_E_INPUT'],
  ] as const) {
    t.is(t.throws(() => parse(target), { instanceOf: WcsError }).code, code, target);
  }
});

test('an H.264 key frame begins with a delimiter and its parameter sets', (t) => {
  const stream = Buffer.from(decodableOf('h264', Uint8Array.of(0, 0, 0, 2, 0x65, 0xaa), bytes(h264Data.config)));
  const sps = stream.indexOf(Buffer.of(0, 0, 0, 1, 0x67));
  const pps = stream.indexOf(Buffer.of(0, 0, 0, 1, 0x68));
  t.is(stream.indexOf(Buffer.of(0, 0, 0, 1, 9)), 0);
  t.true(sps > 0 && pps > sps);
  t.is(stream.subarray(-6).toString('hex'), '0000000165aa');
});

test('an AV1 key frame gets the sequence header of its track where it has none', (t) => {
  const config = bytes(av1Data.config);
  const frame = Uint8Array.of(0x32, 1, 0x10);
  t.is(Buffer.from(decodableOf('av1', frame, config)).toString('hex'), `1200${Buffer.from(config.subarray(4)).toString('hex')}320110`);
  const complete = Buffer.concat([config.subarray(4), frame]);
  t.is(Buffer.from(decodableOf('av1', complete, config)).toString('hex'), `1200${complete.toString('hex')}`);
});

test('an IVF file has its header, and the frame behind its length', (t) => {
  const file = Buffer.from(ivfOf('vp8', Uint8Array.of(1, 2, 3)));
  t.is(file.toString('hex'), '444b4946' + '0000' + '2000' + '56503830' + '00000000' + '19000000' + '01000000' + '01000000' + '00000000' + '03000000' + '0000000000000000' + '010203');
});
