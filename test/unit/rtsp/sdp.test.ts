import test from 'ava';
import { controlUrl, parseSdp } from '../../../plugins/rtsp/wire/sdp-read.ts';
import { describableTracks, encodeSdp } from '../../../plugins/rtsp/wire/sdp-write.ts';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { encodeAvcConfig, avcConfigOf } from '../../../core/formats/h264.ts';
import { encodeStreamMuxConfig } from '../../../core/rtp/payload/latm-config.ts';
import { hex, toHex } from '../../support/rtp-payload.ts';

const SPS = hex('67 42 c0 1f da 01 40 16 ec 04 40 00 00 03 00 40 00 00 0f 03 c6 0c a8');
const PPS = hex('68 ce 3c 80');
const AAC = hex('11 90');
const sdp = (...lines: readonly string[]): string => ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=x', 't=0 0', ...lines].join('\r\n');

const TRACKS: readonly TrackDescriptor[] = [
  { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 0, codecConfig: encodeAvcConfig(avcConfigOf([SPS], [PPS])) },
  { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: 48_000, revision: 0, codecConfig: AAC, sampleRateHz: 48_000, channels: 2 },
  { id: 'audio2', kind: 'audio', codec: 'opus', clockRateHz: 48_000, revision: 0, channels: 2 },
  { id: 'audio3', kind: 'audio', codec: 'pcmu', clockRateHz: 8000, revision: 0, channels: 1 },
  { id: 'audio4', kind: 'audio', codec: 'g729', clockRateHz: 8000, revision: 0 },
  { id: 'audio5', kind: 'audio', codec: 'speex', clockRateHz: 16_000, revision: 0, sampleRateHz: 16_000, channels: 1 },
  { id: 'video2', kind: 'video', codec: 'vp8', clockRateHz: 90_000, revision: 0 },
];

test('what is written is read: codecs, clocks, parameter sets and configurations', (t) => {
  const described = describableTracks(TRACKS);
  const { tracks, leftOut } = parseSdp(encodeSdp({ id: 1, name: 'all', family: 4 }, described));
  t.deepEqual(leftOut, []);
  t.deepEqual(tracks.map(({ id, codec, clockRateHz }) => [id, codec, clockRateHz]), TRACKS.map(({ id, codec, clockRateHz }) => [id, codec, clockRateHz]));
  t.deepEqual(tracks[0]?.parameterSets?.map(toHex), [toHex(SPS), toHex(PPS)]);
  t.is(toHex(tracks[1]!.format!.codecConfig!), toHex(AAC));
  t.deepEqual(described.map(({ payloadType }) => payloadType), [96, 97, 98, 0, 18, 101, 102]);
});

test('what a description cannot tell is left out of it', (t) => {
  const tracks: TrackDescriptor[] = [
    { id: 'video', kind: 'video', codec: 'vp6', clockRateHz: 90_000, revision: 0 },
    { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: 48_000, revision: 0 },
    { id: 'audio2', kind: 'audio', codec: 'pcma', clockRateHz: 8000, revision: 0 },
  ];
  t.deepEqual(describableTracks(tracks).map(({ track, control }) => [track.codec, control]), [['pcma', 'trackID=2']]);
});

test('descriptions of real cameras are read: no fmtp, no rtpmap, wrong numbers, bare line feeds', (t) => {
  const bare = parseSdp('v=0\nm=video 0 RTP/AVP 96\na=control:trackID=1\nm=audio 0 RTP/AVP 8\n');
  t.deepEqual(bare.tracks.map(({ codec, control, payloadType }) => [codec, control, payloadType]), [['h264', 'trackID=1', undefined], ['pcma', undefined, undefined]]);
  const mismatched = parseSdp(sdp('m=video 0 RTP/AVP 35', 'a=rtpmap:96 H264/90000', `a=fmtp:96 sprop-parameter-sets=${Buffer.from(SPS).toString('base64')},${Buffer.from(PPS).toString('base64')}`));
  t.deepEqual(mismatched.tracks[0]?.parameterSets?.map(toHex), [toHex(SPS), toHex(PPS)]);
  const several = parseSdp(sdp('m=audio 0 RTP/AVP 99 0', 'a=rtpmap:99 G726-32/8000', 'a=rtpmap:0 PCMU/8000'));
  t.like(several.tracks[0], { codec: 'pcmu', payloadType: 0 });
  const { tracks, leftOut } = parseSdp(sdp('m=application 0 RTP/AVP 107', 'a=rtpmap:107 vnd.onvif.metadata/90000', 'm=video 0 RTP/AVP 26', 'm=audio 0 RTP/AVP 97', 'a=rtpmap:97 MPEG4-GENERIC/16000'));
  t.like(tracks[0], { id: 'audio', codec: 'aac', clockRateHz: 16_000, index: 2 });
  t.is(leftOut.length, 2);
});

test('LATM tells its configuration, or that it comes with the packets', (t) => {
  const config = toHex(encodeStreamMuxConfig(AAC)).replaceAll(' ', '');
  const told = parseSdp(sdp('m=audio 0 RTP/AVP 97', 'a=rtpmap:97 MP4A-LATM/48000/2', `a=fmtp:97 cpresent=0;config=${config}`)).tracks[0];
  t.like(told?.packing, { type: 'latm', configInBand: false });
  t.is(told?.format?.sampleRateHz, 48_000);
  // As GStreamer writes it: with an extension, and without an end.
  const extended = parseSdp(sdp('m=audio 0 RTP/AVP 99', 'a=rtpmap:99 MP4A-LATM/48000', 'a=fmtp:99 cpresent=0;config=40002320adca00')).tracks[0];
  t.like(extended?.packing, { type: 'latm', configInBand: false });
  t.is(toHex(extended!.format!.codecConfig!), toHex(AAC));
  t.like(parseSdp(sdp('m=audio 0 RTP/AVP 97', 'a=rtpmap:97 MP4A-LATM/48000')).tracks[0]?.packing, { type: 'latm', configInBand: true });
});

test('addresses of tracks are absolute, relative to the base, or the base itself', (t) => {
  t.is(controlUrl('rtsp://h/a/', '*', 'trackID=1'), 'rtsp://h/a/trackID=1');
  t.is(controlUrl('rtsp://h/a?x=1', undefined, 'trackID=1'), 'rtsp://h/a?x=1/trackID=1');
  t.is(controlUrl('rtsp://h/a', undefined, 'rtsp://other/b'), 'rtsp://other/b');
  t.is(controlUrl('rtsp://h/a', 'rtsp://g/c', 'one'), 'rtsp://g/c/one');
  t.is(controlUrl('rtsp://h/a', undefined, undefined), 'rtsp://h/a');
});
