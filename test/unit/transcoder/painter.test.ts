import test from 'ava';
import fc from 'fast-check';
import { turnPlane, type Rotation } from '../../../core/process/av/painter.ts';

const rows = (bytes: Uint8Array, stride: number, width: number): number[][] => Array.from({ length: bytes.length / stride }, (_, row) => [...bytes.subarray(row * stride, row * stride + width)]);

test('a plane is turned clockwise', (t) => {
  const plane = { bytes: Uint8Array.from([1, 2, 3, 4, 5, 6]), stride: 3, width: 3, height: 2 };
  const turned = (rotation: Rotation, width: number): number[][] => {
    const target = new Uint8Array(6);
    turnPlane(plane, { bytes: target, stride: width }, rotation);
    return rows(target, width, width);
  };
  t.deepEqual(turned(0, 3), [[1, 2, 3], [4, 5, 6]]);
  t.deepEqual(turned(90, 2), [[4, 1], [5, 2], [6, 3]]);
  t.deepEqual(turned(180, 3), [[6, 5, 4], [3, 2, 1]]);
  t.deepEqual(turned(270, 2), [[3, 6], [2, 5], [1, 4]]);
});

test('four quarters are a whole turn, and nothing is written beside the picture', (t) => {
  t.plan(1);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.nat(4), fc.constantFrom<Rotation>(90, 180, 270), (width, height, padding, rotation) => {
      let plane = { bytes: Uint8Array.from({ length: (width + padding) * height }, (_, index) => index % 200), stride: width + padding, width, height };
      const before = rows(plane.bytes, plane.stride, width);
      for (let turns = 0; turns < 4; turns += 1) {
        const isUpright = rotation === 180;
        const [w, h] = isUpright ? [plane.width, plane.height] : [plane.height, plane.width];
        const target = new Uint8Array((w + padding) * h).fill(255);
        turnPlane(plane, { bytes: target, stride: w + padding }, rotation);
        if (rows(target, w + padding, w + padding).some((row) => row.slice(w).some((byte) => byte !== 255))) return false;
        plane = { bytes: target, stride: w + padding, width: w, height: h };
      }
      return JSON.stringify(rows(plane.bytes, plane.stride, width)) === JSON.stringify(before);
    }),
  );
  t.pass();
});
