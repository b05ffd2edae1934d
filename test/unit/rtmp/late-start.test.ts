import test from 'ava';
import type { MediaFrame } from 'wcs-core';
import { LateStart } from '../../../plugins/rtmp/bridge/late-start.ts';

const track = { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 1 } as const;

function frame(byte: number): MediaFrame {
  return { track, ptsUs: 0, dtsUs: 0, key: true, data: Uint8Array.of(byte), receivedAtMs: 0 };
}

const headers = (): Uint8Array => Uint8Array.of(0xff);

test('a group that grows is serialised frame by frame, once each', (t) => {
  const serialised: MediaFrame[] = [];
  const start = new LateStart((one, out) => {
    serialised.push(one);
    out.put(one.data);
  });
  const group = [frame(1), frame(2), frame(3)];
  t.deepEqual([...start.bytes(group.slice(0, 1), headers)], [0xff, 1]);
  t.deepEqual([...start.bytes(group, headers)], [0xff, 1, 2, 3]);
  t.deepEqual([...start.bytes(group, headers)], [0xff, 1, 2, 3]);
  t.deepEqual(serialised, group);
});

test('those who join within one group share its memory, and what was handed out stays as it is', (t) => {
  const start = new LateStart((one, out) => out.put(one.data));
  const group = [frame(1), frame(2)];
  const early = start.bytes(group.slice(0, 1), headers);
  const late = start.bytes(group, headers);
  t.is(early.buffer, late.buffer);
  const next = start.bytes([frame(7)], headers);
  t.deepEqual([...next], [0xff, 7]);
  t.deepEqual([...early], [0xff, 1]);
  t.deepEqual([...late], [0xff, 1, 2]);
});

test('another first frame, fewer frames or new headers begin anew', (t) => {
  let made = 0;
  const start = new LateStart((one, out) => out.put(one.data));
  const make = (): Uint8Array => Uint8Array.of((made += 1));
  const group = [frame(1), frame(2)];
  start.bytes(group, make);
  t.deepEqual([...start.bytes(group.slice(1), make)], [2, 2]);
  start.bytes(group, make);
  t.deepEqual([...start.bytes(group.slice(0, 1), make)], [4, 1]);
  start.clear();
  t.deepEqual([...start.bytes(group.slice(0, 1), make)], [5, 1]);
});
