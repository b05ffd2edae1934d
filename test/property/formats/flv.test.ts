import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import {
  encodeAudioBody, encodeAudioTracks, encodeFlvHeader, encodeFlvTag, encodeVideoBody, encodeVideoTracks, FlvReader, parseAudioBody, parseVideoBody,
  type FlvAudioPacket, type FlvHeader, type FlvTag, type FlvVideoPacket,
} from '../../../core/formats/flv.ts';
import { NEED_MORE } from '../../../core/formats/need-more.ts';

const data = fc.uint8Array({ maxLength: 40 });
const part = fc.record({ trackId: fc.oneof(fc.constant(0), fc.nat(255)), timestampOffsetNs: fc.oneof(fc.constant(0), fc.nat(999_999)), data });
const reordered = fc.constantFrom('h264' as const, 'h265' as const, 'h266' as const);
const codec = fc.oneof(reordered, fc.constantFrom('av1' as const, 'vp8' as const, 'vp9' as const));
const kind = fc.constantFrom({ key: true, disposable: false }, { key: false, disposable: true }, { key: false, disposable: false });
const video: fc.Arbitrary<FlvVideoPacket> = fc.oneof(
  fc.tuple(part, reordered, kind, fc.integer({ min: -0x800000, max: 0x7fffff })).map(
    ([p, c, k, compositionTimeMs]): FlvVideoPacket => ({ type: 'video', packet: 'frame', codec: c, ...p, ...k, compositionTimeMs }),
  ),
  fc.tuple(part, codec, kind).map(([p, c, k]): FlvVideoPacket => ({ type: 'video', packet: 'frame', codec: c, ...p, ...k, compositionTimeMs: 0 })),
  fc.tuple(part, codec, fc.constantFrom('record' as const, 'mpeg2ts' as const)).map(([p, c, format]): FlvVideoPacket => ({ type: 'video', packet: 'config', codec: c, ...p, format })),
  fc.tuple(part, codec, fc.constantFrom('end' as const, 'metadata' as const)).map(([p, c, packet]): FlvVideoPacket => ({ type: 'video', packet, codec: c, ...p })),
);
const audioCodec = fc.constantFrom('aac' as const, 'mp3' as const, 'opus' as const, 'flac' as const, 'ac3' as const, 'eac3' as const);
const audio: fc.Arbitrary<FlvAudioPacket> = fc.oneof(
  fc.tuple(part, audioCodec).map(([p, c]): FlvAudioPacket => ({ type: 'audio', packet: 'frame', codec: c, ...p, sound: undefined })),
  fc.tuple(part, audioCodec, fc.constantFrom('config' as const, 'end' as const)).map(([p, c, packet]): FlvAudioPacket => ({ type: 'audio', packet, codec: c, ...p })),
  fc.tuple(part, audioCodec, fc.uint8Array({ maxLength: 8 })).map(
    ([p, c, speakers]): FlvAudioPacket => ({ type: 'audio', packet: 'channels', codec: c, ...p, layout: { order: 'custom', channels: speakers.length, speakers } }),
  ),
);
const joined = (chunks: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(chunks));

test('whatever packet is written is read back, in every form that carries it', (t) => {
  fc.assert(
    fc.property(video, audio, (picture, sound) => {
      for (const form of ['auto', 'enhanced'] as const) {
        t.deepEqual(parseVideoBody(joined(encodeVideoBody(picture, form))), [picture]);
        t.deepEqual(parseAudioBody(joined(encodeAudioBody(sound, form))), [sound]);
      }
    }),
  );
});

test('tracks written as one message are read back', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(codec, data), { minLength: 1, maxLength: 5 }), fc.array(fc.tuple(audioCodec, data), { minLength: 1, maxLength: 5 }), (pictures, sounds) => {
      const frames = pictures.map(([c, bytes], trackId): FlvVideoPacket => ({
        type: 'video', packet: 'frame', codec: c, trackId, timestampOffsetNs: 5, key: false, disposable: false, compositionTimeMs: c === 'h265' ? -7 : 0, data: bytes,
      }));
      const packets = sounds.map(([c, bytes], trackId): FlvAudioPacket => ({ type: 'audio', packet: 'frame', codec: c, trackId, timestampOffsetNs: 0, sound: undefined, data: bytes }));
      t.deepEqual(parseVideoBody(joined(encodeVideoTracks(frames))), frames);
      t.deepEqual(parseAudioBody(joined(encodeAudioTracks(packets))), packets);
    }),
  );
});

test('a file split anywhere gives the same tags', (t) => {
  const tag = fc.record({ type: fc.constantFrom('audio' as const, 'video' as const, 'script' as const), timestampMs: fc.nat(0xffff_ffff), body: data });
  fc.assert(
    fc.property(fc.array(tag, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (tags, sizes) => {
      const header: FlvHeader = { type: 'header', hasAudio: true, hasVideo: false };
      const file = joined([encodeFlvHeader(header), ...tags.flatMap(({ type, timestampMs, body }) => encodeFlvTag(type, timestampMs, [body]))]);
      const reader = new FlvReader();
      const found: (FlvHeader | FlvTag)[] = [];
      for (let at = 0, turn = 0; at < file.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        reader.push(file.subarray(at, at + size));
        at += size;
        for (let item = reader.next(); item !== NEED_MORE; item = reader.next()) found.push(item);
      }
      t.deepEqual(found, [header, ...tags]);
    }),
  );
});

test('tags larger than the first buffer and kept bodies survive later pushes', (t) => {
  const reader = new FlvReader();
  const bodies = [new Uint8Array(200_000).fill(1), new Uint8Array(10).fill(2), new Uint8Array(150_000).fill(3)];
  const file = joined([encodeFlvHeader({ hasAudio: false, hasVideo: true }), ...bodies.flatMap((body) => encodeFlvTag('video', 0, [body]))]);
  const found: Uint8Array[] = [];
  for (let at = 0; at < file.length; at += 60_000) {
    reader.push(file.subarray(at, at + 60_000));
    for (let item = reader.next(); item !== NEED_MORE; item = reader.next()) if (item.type !== 'header') found.push(item.body);
  }
  t.deepEqual(found, bodies);
});

test('a cut or changed body throws a ProtocolError or gives packets', (t) => {
  fc.assert(
    fc.property(video, audio, fc.nat(), fc.nat(255), (picture, sound, at, byte) => {
      for (const [parse, whole] of [[parseVideoBody, joined(encodeVideoBody(picture, 'enhanced'))], [parseAudioBody, joined(encodeAudioBody(sound, 'enhanced'))]] as const) {
        const changed = whole.slice();
        changed[at % changed.length] = byte;
        for (const body of [whole.subarray(0, at % whole.length), changed]) {
          try {
            if (!Array.isArray(parse(body))) return false;
          } catch (error) {
            if (!(error instanceof ProtocolError)) throw error;
          }
        }
      }
      return true;
    }),
  );
  t.pass();
});
