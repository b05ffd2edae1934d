import { readFileSync } from 'node:fs';
import test from 'ava';
import { amfProperties, decodeAmf0, encodeAmf0 } from '../../../core/formats/amf.ts';
import { encodeAudioBody, encodeFlvHeader, encodeFlvTag, encodeVideoBody, FlvReader, parseAudioBody, parseVideoBody, type FlvHeader, type FlvTag } from '../../../core/formats/flv.ts';
import { NEED_MORE } from '../../../core/formats/need-more.ts';

// Written by ffmpeg 5.1: ffmpeg -f lavfi -i testsrc -f lavfi -i sine -c:v libx264 -c:a aac h264-aac.flv, and likewise for each codec.
const folder = 'test/golden/formats/flv';

function read(name: string): { bytes: Buffer; header: FlvHeader; tags: FlvTag[] } {
  const bytes = readFileSync(`${folder}/${name}.flv`);
  const reader = new FlvReader();
  reader.push(bytes);
  const header = reader.next();
  if (header === NEED_MORE || header.type !== 'header') throw new Error('no header');
  const tags: FlvTag[] = [];
  for (let item = reader.next(); item !== NEED_MORE; item = reader.next()) if (item.type !== 'header') tags.push(item);
  return { bytes, header, tags };
}

/** Parses every tag down to values and packets and writes the whole file again from them. */
function rewrite(header: FlvHeader, tags: readonly FlvTag[]): Buffer {
  const chunks: Uint8Array[] = [encodeFlvHeader(header)];
  for (const { type, timestampMs, body } of tags) {
    if (type === 'script') chunks.push(...encodeFlvTag(type, timestampMs, [encodeAmf0(decodeAmf0(body))]));
    if (type === 'audio') for (const packet of parseAudioBody(body)) chunks.push(...encodeFlvTag(type, timestampMs, encodeAudioBody(packet)));
    if (type === 'video') {
      for (const packet of parseVideoBody(body)) if (packet.packet !== 'command') chunks.push(...encodeFlvTag(type, timestampMs, encodeVideoBody(packet)));
    }
  }
  return Buffer.concat(chunks);
}

for (const name of ['h264-aac', 'h263', 'mp3', 'nellymoser', 'pcm', 'pcma', 'pcmu', 'speex']) {
  test(`a ${name} file of ffmpeg is written again byte for byte`, (t) => {
    const { bytes, header, tags } = read(name);
    t.true(tags.length >= 2);
    t.deepEqual(rewrite(header, tags), bytes);
  });
}

test('the packets of an H.264 and AAC file are what ffprobe shows', (t) => {
  const { header, tags } = read('h264-aac');
  t.deepEqual(header, { type: 'header', hasAudio: true, hasVideo: true });
  const video = tags.filter(({ type }) => type === 'video').flatMap(({ body }) => parseVideoBody(body));
  t.deepEqual(video.map(({ packet }) => packet), ['config', 'frame', 'frame', 'frame', 'frame', 'frame', 'frame', 'end']);
  const frames = video.flatMap((packet) => (packet.packet === 'frame' ? [packet] : []));
  t.deepEqual(frames.map(({ key }) => key), [true, false, false, false, false, false]);
  t.is(frames[0]?.compositionTimeMs, 80);
  const audio = tags.filter(({ type }) => type === 'audio').flatMap(({ body }) => parseAudioBody(body));
  t.is(audio[0]?.packet, 'config');
  t.deepEqual([...(audio[0]?.data ?? [])], [0x12, 0x08, 0x56, 0xe5, 0]);
  const [name, metadata] = decodeAmf0(tags[0]!.body);
  t.is(name, 'onMetaData');
  t.is(amfProperties(metadata)?.['width'], 32);
  t.is(amfProperties(metadata)?.['videocodecid'], 7);
});

test('the sound of one-byte headers is told with what each codec fixes', (t) => {
  const sound = (name: string) => {
    const [packet] = parseAudioBody(read(name).tags[1]!.body);
    return packet?.packet === 'frame' ? { codec: packet.codec, ...packet.sound } : undefined;
  };
  t.deepEqual(sound('pcma'), { codec: 'pcma', sampleRateHz: 8000, bitsPerSample: 16, channels: 1 });
  t.deepEqual(sound('pcmu'), { codec: 'pcmu', sampleRateHz: 8000, bitsPerSample: 16, channels: 1 });
  t.deepEqual(sound('speex'), { codec: 'speex', sampleRateHz: 16000, bitsPerSample: 16, channels: 1 });
  t.deepEqual(sound('nellymoser'), { codec: 'nellymoser', sampleRateHz: 8000, bitsPerSample: 16, channels: 1 });
  t.deepEqual(sound('mp3'), { codec: 'mp3', sampleRateHz: 44100, bitsPerSample: 16, channels: 2 });
  t.deepEqual(sound('pcm'), { codec: 'pcm', sampleRateHz: 11025, bitsPerSample: 16, channels: 1 });
});
