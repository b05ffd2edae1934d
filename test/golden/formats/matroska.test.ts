import test from 'ava';
import { encodeCluster, encodeCues, encodeMatroskaHead, segmentContentAt, type MatroskaTrack } from '../../../core/formats/matroska.ts';

/** Hexadecimal text without its blanks. */
function hex(text: string): string {
  return text.replace(/\s+/g, '');
}

const VP8: MatroskaTrack = { number: 1, kind: 'video', codec: 'vp8', width: 640, height: 360 };
const EBML_HEADER = `1a45dfa3 9f 4286 81 01 42f7 81 01 42f2 81 04 42f3 81 08 4282 84 ${Buffer.from('webm').toString('hex')} 4287 81 04 4285 81 02`;

test('the head of a live WebM is the one that RFC 9559 describes, byte for byte', (t) => {
  const head = Buffer.from(encodeMatroskaHead({ docType: 'webm', tracks: [VP8] })).toString('hex');
  const name = Buffer.from('WCS Core').toString('hex');
  const info = `1549a966 9d 2ad7b1 83 0f4240 4d80 88 ${name} 5741 88 ${name}`;
  const video = 'e0 88 b0 82 0280 ba 82 0168';
  const entry = `ae a5 d7 81 01 73c5 81 01 83 81 01 9c 81 00 22b59c 83 756e64 86 85 ${Buffer.from('V_VP8').toString('hex')} ${video}`;
  const seekHead = `114d9b74 bf
    4dbb 92 53ab 84 1549a966 53ac 88 0000000000000044
    4dbb 92 53ab 84 1654ae6b 53ac 88 0000000000000066
    ec 93 ${'00'.repeat(19)}`;
  t.is(head, hex(`${EBML_HEADER} 18538067 01ffffffffffffff ${seekHead} ${info} 1654ae6b a7 ${entry}`));
  t.is(segmentContentAt('webm'), 48);
});

test('a complete head has its size, duration and index in the same room', (t) => {
  const live = encodeMatroskaHead({ docType: 'webm', tracks: [VP8], headBytes: 300 });
  const closing = { durationMs: 1500, fileBytes: 10_048, cuesAt: 9048 };
  const complete = Buffer.from(encodeMatroskaHead({ docType: 'webm', tracks: [VP8], headBytes: 300, closing }));
  t.is(complete.length, live.length);
  t.true(complete.includes(Buffer.from(hex('18538067 01 00000000002710'), 'hex')), 'the size of the segment is 10000');
  t.true(complete.includes(Buffer.from(hex('4489 88 4097700000000000'), 'hex')), 'a duration of 1500 in floating point');
  t.true(complete.includes(Buffer.from(hex('53ab 84 1c53bb6b 53ac 88 0000000000002328'), 'hex')), 'the index is at 9000 of the segment');
});

test('a cluster counts from its earliest block, and blocks may lie before the first one', (t) => {
  const cluster = encodeCluster([
    { track: 1, ticks: 1040, key: true, data: Buffer.from('aabb', 'hex') },
    { track: 2, ticks: 1000, key: false, data: Buffer.from('cc', 'hex') },
  ]);
  t.is(Buffer.concat(cluster).toString('hex'), hex('1f43b675 99 e7 88 00000000000003e8 a3 86 81 0028 80 aabb a3 85 82 0000 00 cc'));
});

test('the index points to clusters from the start of the segment', (t) => {
  const cues = encodeCues([{ timeMs: 2000, track: 1, clusterAt: 1072 }], 'webm');
  t.is(Buffer.from(cues).toString('hex'), hex('1c53bb6b 8f bb 8d b3 82 07d0 b7 87 f7 81 01 f1 82 0400'));
});
