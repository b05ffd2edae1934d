import test from 'ava';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { settingsSchema } from '../../../plugins/recorder/settings.ts';
import { expandTemplate, FILE_NAME_MAX_BYTES, nameOfUri, partPath, templateFault, type NameFacts } from '../../../plugins/recorder/wire/file-name.ts';
import { containerFor } from '../../../plugins/recorder/wire/open-container.ts';
import { parseRotation } from '../../../plugins/recorder/wire/rotation.ts';
import { topElement } from '../../../plugins/recorder/wire/whole-pieces.ts';

const FACTS: NameFacts = { streamName: 'a/b c', mediaSessionId: 'm-1', sessionId: '/10.0.0.1:5/…', login: '.hidden', audioCodec: 'aac', videoCodec: 'h264', startTimeMs: 1234.4, startTimeMillis: 1_700_000_000_000 };
const format = (codec: TrackDescriptor['codec'], kind: TrackDescriptor['kind'], rest: Partial<TrackDescriptor> = {}): TrackDescriptor => ({ id: kind, kind, codec, clockRateHz: 90_000, revision: 1, codecConfig: Uint8Array.of(1), ...rest });

test('every element of a template has its value, encoded where it is unsafe, and those of the end wait for it', (t) => {
  const template = 'cam/{streamName}_{mediaSessionId}_{sessionId}_{login}_{audioCodec}_{videoCodec}_{startTime}_{startTimeMillis}_{duration}_{endTime}_{endTimeMillis}';
  const start = 'cam/a%2Fb%20c_m-1_LzEwLjAuMC4xOjUv4oCm_%2Ehidden_aac_h264_1234_1700000000000';
  t.is(expandTemplate(template, FACTS), `${start}_{duration}_{endTime}_{endTimeMillis}`);
  t.is(expandTemplate(template, FACTS, { durationMs: 10.6, endTimeMs: 1245, endTimeMillis: 1_700_000_000_011 }), `${start}_11_1245_1700000000011`);
});

test('names are cut to what file systems take, and never within a character', (t) => {
  const name = expandTemplate('{streamName}', { ...FACTS, streamName: 'ж'.repeat(200) });
  t.regex(name, /^ж+$/);
  const encoded = expandTemplate('{streamName}', { ...FACTS, streamName: '&'.repeat(200) });
  t.regex(encoded, /^(%26)+$/);
  for (const each of [name, encoded]) t.true(Buffer.byteLength(`${partPath(each, 99_999, 'webm')}-1000.part`) <= FILE_NAME_MAX_BYTES);
});

test('templates that lead elsewhere or have unknown elements are refused', (t) => {
  for (const bad of ['', '..', '../x', 'a//b', '/abs', 'a/../b', 'a\\b', 'a\0b', '{user}']) t.is(typeof templateFault(bad), 'string', bad);
  for (const good of ['a', 'a/b', '{streamName}', 'x{endTime}']) t.is(templateFault(good), undefined);
});

test('the URI of a joint recording is its name with what is unsafe as _', (t) => {
  t.is(nameOfUri('multi-recorder://room 1'), 'multi-recorder___room_1');
});

test('rotation is by seconds or megabytes', (t) => {
  t.deepEqual(parseRotation('10'), { by: 'time', us: 10_000_000 });
  t.deepEqual(parseRotation('10M'), { by: 'size', bytes: 10 * 1024 * 1024 });
  t.is(parseRotation(''), undefined);
  t.is(parseRotation('0'), undefined);
  for (const bad of ['ten', '10G', '-1', '1.5', '99999999']) t.throws(() => parseRotation(bad), { instanceOf: RangeError });
});

test('the container follows the picture\'s codec, and gives way to Matroska for a track it has no place for', (t) => {
  const { formats } = settingsSchema.parse({});
  const h264 = format('h264', 'video');
  t.is(containerFor([h264, format('aac', 'audio')], formats), 'mp4');
  t.is(containerFor([h264, format('opus', 'audio')], formats), 'mp4');
  t.is(containerFor([h264, format('pcma', 'audio')], formats), 'mkv');
  t.is(containerFor([format('vp8', 'video'), format('opus', 'audio')], formats), 'webm');
  t.is(containerFor([format('vp8', 'video'), format('aac', 'audio')], formats), 'mkv');
  t.is(containerFor([format('aac', 'audio')], formats), 'mp4');
  t.is(containerFor([format('pcmu', 'audio')], formats), 'mkv');
  t.is(containerFor([h264], settingsSchema.parse({ formats: 'h264-ts' }).formats), 'ts');
  t.false(settingsSchema.safeParse({ formats: 'h264-avi' }).success);
});

test('elements of a file are told by their first bytes, and what is no element ends the file', (t) => {
  t.deepEqual(topElement('mp4', Buffer.from('00000010' + Buffer.from('moofmfhd').toString('hex'), 'hex')), { role: 'half', bytes: 16 });
  t.deepEqual(topElement('mp4', Buffer.from('00000100' + Buffer.from('mdat').toString('hex'), 'hex')), { role: 'piece', bytes: 256 });
  t.deepEqual(topElement('mkv', Buffer.from('1f43b67501000000000000ff', 'hex')), { role: 'piece', bytes: 12 + 255 });
  t.deepEqual(topElement('webm', Buffer.from('1853806701ffffffffffffff', 'hex')), { role: 'head', bytes: 12 });
  t.deepEqual(topElement('ts', Buffer.from('47', 'hex')), { role: 'piece', bytes: 188 });
  for (const type of ['mp4', 'mkv', 'webm', 'ts'] as const) t.is(topElement(type, new Uint8Array(16)), undefined, type);
});
