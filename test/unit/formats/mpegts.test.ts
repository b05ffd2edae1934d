import test from 'ava';
import { PMT_PID, TsMuxer, type TsStream } from '../../../core/formats/mpegts.ts';
import { crc32Mpeg } from '../../../core/formats/mpegts-tables.ts';
import { demuxTs } from '../../support/ts-demux.ts';

const both: TsStream[] = [{ pid: 0x101, codec: 'aac' }, { pid: 0x100, codec: 'h264' }];
const at = (pid: number, dts90k: number, bytes: number) => ({ pid, pts90k: dts90k, dts90k, key: true, data: [Buffer.alloc(bytes, 0xab)] });

test('the clock goes with the video stream, and with the audio when there is no video', (t) => {
  const clockPid = (streams: TsStream[]): number => demuxTs(new TsMuxer(streams).writeTables()).sections.get(PMT_PID)![0]!.readUInt16BE(8) & 0x1fff;
  t.is(clockPid(both), 0x100);
  t.is(clockPid([{ pid: 0x101, codec: 'aac' }]), 0x101);
  const [unit] = demuxTs(new TsMuxer([{ pid: 0x101, codec: 'aac' }]).writeAccessUnit(at(0x101, 90_000, 10))).units;
  t.is(unit?.clock, 81_000);
});

test('times and clock wrap at 33 bits', (t) => {
  const muxer = new TsMuxer(both);
  const read = demuxTs(Buffer.concat([muxer.writeAccessUnit(at(0x100, 2 ** 33 - 1, 300)), muxer.writeAccessUnit(at(0x100, 2 ** 33 + 8999, 300))]));
  t.deepEqual(read.units.map(({ dts, clock }) => [dts, clock]), [[2 ** 33 - 1, 2 ** 33 - 9001], [8999, 2 ** 33 - 1]]);
});

test('a successor continues every counter, and the map version grows only when the streams change', (t) => {
  const before = new TsMuxer(both);
  const first = [before.writeTables(), before.writeAccessUnit(at(0x100, 0, 1000)), before.writeAccessUnit(at(0x101, 0, 100))];
  const state = structuredClone(before.exportState());
  const after = new TsMuxer(both, state);
  t.deepEqual(after.exportState(), state);
  const second = [after.writeTables(), after.writeAccessUnit(at(0x100, 3000, 1000)), after.writeAccessUnit(at(0x101, 3000, 100))];
  const maps = demuxTs(Buffer.concat([...first, ...second])).sections.get(PMT_PID)!;
  t.deepEqual(maps[1], maps[0]);

  const changed = new TsMuxer([{ pid: 0x100, codec: 'hevc' }], { ...state, pmtVersion: 31 });
  t.is(changed.exportState().pmtVersion, 0, 'after 31 comes 0');
  t.is(changed.exportState().continuity[0x100], state.continuity[0x100]);
});

test('every table carries a checksum that leaves no rest', (t) => {
  const { sections } = demuxTs(new TsMuxer([...both, { pid: 0x102, codec: 'opus' }]).writeTables());
  t.deepEqual([...sections.keys()], [0, PMT_PID]);
  for (const [section] of sections.values()) t.is(crc32Mpeg(section!), 0);
});

test('a video unit too long for the length field leaves it open, an audio unit is refused', (t) => {
  const [video] = demuxTs(new TsMuxer(both).writeAccessUnit(at(0x100, 0, 70_000))).units;
  t.is(video?.data.length, 70_000);
  t.throws(() => new TsMuxer(both).writeAccessUnit(at(0x101, 0, 70_000)), { instanceOf: RangeError });
});

test('Opus packets get a control header with their size', (t) => {
  const muxer = new TsMuxer([{ pid: 0x102, codec: 'opus' }]);
  const prefix = (bytes: number): string => demuxTs(muxer.writeAccessUnit(at(0x102, 0, bytes))).units[0]!.data.toString('hex', 0, 5);
  t.is(prefix(3), '7fe003abab');
  t.is(prefix(255), '7fe0ff00ab');
  t.is(prefix(600), '7fe0ffff5a');
});

test('packet ids that are reserved or repeated, unknown streams and broken times are refused', (t) => {
  for (const pid of [0, 0x1f, PMT_PID, 0x1fff, 32.5]) t.throws(() => new TsMuxer([{ pid, codec: 'aac' }]), { instanceOf: RangeError });
  t.throws(() => new TsMuxer([both[0]!, both[0]!]), { instanceOf: RangeError });
  t.throws(() => new TsMuxer([]), { instanceOf: RangeError });
  t.throws(() => new TsMuxer(Array.from({ length: 40 }, (_, index) => ({ pid: 0x100 + index, codec: 'aac' }))), { instanceOf: RangeError });
  t.throws(() => new TsMuxer(both).writeAccessUnit(at(0x105, 0, 1)), { instanceOf: RangeError });
  t.throws(() => new TsMuxer(both).writeAccessUnit(at(0x100, 0.5, 1)), { instanceOf: RangeError });
});

test('the exported state is a copy', (t) => {
  const muxer = new TsMuxer(both);
  const state = muxer.exportState();
  muxer.writeTables();
  t.is(state.continuity[0], 0);
  t.is(muxer.exportState().continuity[0], 1);
});
