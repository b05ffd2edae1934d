import test from 'ava';
import { encodeAudioBody, encodeAudioTracks, encodeVideoBody, encodeVideoTracks, parseAudioBody, parseVideoBody, type FlvAudioPacket, type FlvVideoPacket } from '../../../core/formats/flv.ts';

// Bytes written by hand from the tables of Enhanced RTMP v2; Buffer.from(text, 'latin1') for the four-character codes.
const bytes = (...parts: (string | number[])[]) => new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part)))));
const joined = (chunks: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(chunks));
const data = bytes([0xde, 0xad]);
const v = { type: 'video', trackId: 0, timestampOffsetNs: 0, data } as const;
const a = { type: 'audio', trackId: 0, timestampOffsetNs: 0, data } as const;
const frame = { ...v, packet: 'frame', key: true, disposable: false, compositionTimeMs: 0 } as const;

const video: [string, Uint8Array, FlvVideoPacket][] = [
  ['an hvc1 sequence start', bytes([0x90], 'hvc1', [0xde, 0xad]), { ...v, packet: 'config', codec: 'h265', format: 'record' }],
  ['an avc1 frame with a composition time of -40 ms', bytes([0xa1], 'avc1', [0xff, 0xff, 0xd8, 0xde, 0xad]), { ...frame, codec: 'h264', key: false, compositionTimeMs: -40 }],
  ['an hvc1 frame with a composition time of +40 ms', bytes([0x91], 'hvc1', [0, 0, 40, 0xde, 0xad]), { ...frame, codec: 'h265', compositionTimeMs: 40 }],
  ['an hvc1 frame without composition time', bytes([0x93], 'hvc1', [0xde, 0xad]), { ...frame, codec: 'h265' }],
  ['an av01 frame', bytes([0x91], 'av01', [0xde, 0xad]), { ...frame, codec: 'av1' }],
  ['a vp09 frame', bytes([0xa1], 'vp09', [0xde, 0xad]), { ...frame, codec: 'vp9', key: false }],
  ['a vp08 frame', bytes([0x91], 'vp08', [0xde, 0xad]), { ...frame, codec: 'vp8' }],
  ['an av01 sequence end', bytes([0x92], 'av01', [0xde, 0xad]), { ...v, packet: 'end', codec: 'av1' }],
  ['hvc1 metadata', bytes([0x94], 'hvc1', [0xde, 0xad]), { ...v, packet: 'metadata', codec: 'h265' }],
  ['an av01 MPEG-2 TS sequence start', bytes([0x95], 'av01', [0xde, 0xad]), { ...v, packet: 'config', codec: 'av1', format: 'mpeg2ts' }],
  ['a frame 999,999 ns late', bytes([0x97, 2, 0x0f, 0x42, 0x3f, 0x01], 'av01', [0xde, 0xad]), { ...frame, codec: 'av1', timestampOffsetNs: 999_999 }],
  ['one track of number 5', bytes([0x96, 0x01], 'av01', [5, 0xde, 0xad]), { ...frame, codec: 'av1', trackId: 5 }],
];

for (const [name, body, packet] of video) {
  test(`${name} is read and written`, (t) => {
    t.deepEqual(parseVideoBody(body), [packet]);
    t.deepEqual(joined(encodeVideoBody(packet, 'enhanced')), body);
  });
}

const audio: [string, Uint8Array, FlvAudioPacket][] = [
  ['an Opus sequence start', bytes([0x90], 'Opus', [0xde, 0xad]), { ...a, packet: 'config', codec: 'opus' }],
  ['an Opus frame', bytes([0x91], 'Opus', [0xde, 0xad]), { ...a, packet: 'frame', codec: 'opus', sound: undefined }],
  ['an mp4a frame', bytes([0x91], 'mp4a', [0xde, 0xad]), { ...a, packet: 'frame', codec: 'aac', sound: undefined }],
  ['an .mp3 frame', bytes([0x91], '.mp3', [0xde, 0xad]), { ...a, packet: 'frame', codec: 'mp3', sound: undefined }],
  ['an fLaC sequence start', bytes([0x90], 'fLaC', [0xde, 0xad]), { ...a, packet: 'config', codec: 'flac' }],
  ['an ac-3 frame', bytes([0x91], 'ac-3', [0xde, 0xad]), { ...a, packet: 'frame', codec: 'ac3', sound: undefined }],
  ['an ec-3 sequence end', bytes([0x92], 'ec-3', [0xde, 0xad]), { ...a, packet: 'end', codec: 'eac3' }],
  ['channels by count', bytes([0x94], 'Opus', [0, 2, 0xde, 0xad]), { ...a, packet: 'channels', codec: 'opus', layout: { order: 'unspecified', channels: 2 } }],
  ['channels by mask', bytes([0x94], 'Opus', [1, 6, 0, 0, 6, 0x0f, 0xde, 0xad]), { ...a, packet: 'channels', codec: 'opus', layout: { order: 'native', channels: 6, mask: 0x60f } }],
  ['channels by speaker', bytes([0x94], 'Opus', [2, 2, 1, 0xfe, 0xde, 0xad]), { ...a, packet: 'channels', codec: 'opus', layout: { order: 'custom', channels: 2, speakers: bytes([1, 0xfe]) } }],
  ['an Opus frame 1 ns late', bytes([0x97, 2, 0, 0, 1, 0x01], 'Opus', [0xde, 0xad]), { ...a, packet: 'frame', codec: 'opus', sound: undefined, timestampOffsetNs: 1 }],
  ['one Opus track of number 9', bytes([0x95, 0x01], 'Opus', [9, 0xde, 0xad]), { ...a, packet: 'frame', codec: 'opus', sound: undefined, trackId: 9 }],
];

for (const [name, body, packet] of audio) {
  test(`${name} is read and written`, (t) => {
    t.deepEqual(parseAudioBody(body), [packet]);
    t.deepEqual(joined(encodeAudioBody(packet, 'enhanced')), body);
  });
}

test('many tracks of one codec and of many codecs are read and written', (t) => {
  const one: FlvVideoPacket = { ...frame, codec: 'h265', trackId: 0, compositionTimeMs: -1 };
  const other: FlvVideoPacket = { ...frame, codec: 'h265', trackId: 1 };
  const alike = bytes([0x96, 0x11], 'hvc1', [0, 0, 0, 5, 0xff, 0xff, 0xff, 0xde, 0xad], [1, 0, 0, 5, 0, 0, 0, 0xde, 0xad]);
  t.deepEqual(parseVideoBody(alike), [one, other]);
  t.deepEqual(joined(encodeVideoTracks([one, other])), alike);
  const vp9: FlvVideoPacket = { ...frame, codec: 'vp9', trackId: 1 };
  const mixed = bytes([0x96, 0x21], 'hvc1', [0, 0, 0, 5, 0xff, 0xff, 0xff, 0xde, 0xad], 'vp09', [1, 0, 0, 2, 0xde, 0xad]);
  t.deepEqual(parseVideoBody(mixed), [one, vp9]);
  t.deepEqual(joined(encodeVideoTracks([one, vp9])), mixed);
  const opus: FlvAudioPacket = { ...a, packet: 'frame', codec: 'opus', sound: undefined };
  const aac: FlvAudioPacket = { ...a, packet: 'frame', codec: 'aac', sound: undefined, trackId: 3 };
  const sounds = bytes([0x95, 0x21], 'Opus', [0, 0, 0, 2, 0xde, 0xad], 'mp4a', [3, 0, 0, 2, 0xde, 0xad]);
  t.deepEqual(parseAudioBody(sounds), [opus, aac]);
  t.deepEqual(joined(encodeAudioTracks([opus, aac])), sounds);
});
