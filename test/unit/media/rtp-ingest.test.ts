import test from 'ava';
import fc from 'fast-check';
import type { MediaPacket } from '../../../core/media/frame.ts';
import type { Publication } from '../../../core/media/publication.ts';
import { RtpIngest, type RtpIngestState } from '../../../core/media/rtp-ingest/rtp-ingest.ts';
import type { RtpIngestTrack } from '../../../core/media/rtp-ingest/ingest-track.ts';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { ntpOfUnixMs } from '../../../core/rtp/ntp.ts';
import { encodeRtp, parseRtp } from '../../../core/rtp/packet.ts';
import { encodeRtcp, parseRtcp, type RtcpPacket } from '../../../core/rtp/rtcp.ts';
import { hex } from '../../support/rtp-payload.ts';

const SPS = hex('67 42 c0 1f da 01 40 16 ec 04 40 00 00 03 00 40 00 00 0f 03 c6 0c a8');
const PPS = hex('68 ce 3c 80');
const IDR = Uint8Array.of(0x65, 1, 2, 3);
const DELTA = Uint8Array.of(0x41, 1, 2, 3);
const SOUND = new Uint8Array(160);
const H264: RtpIngestTrack = { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, parameterSets: [SPS, PPS] };
/** Its format comes with the packets. */
const BARE: RtpIngestTrack = { ...H264, parameterSets: [] };
const PCMA: RtpIngestTrack = { id: 'audio', kind: 'audio', codec: 'pcma', clockRateHz: 8000, format: { sampleRateHz: 8000, channels: 1 } };
const [VIDEO_SSRC, AUDIO_SSRC, OWN_SSRC] = [10, 20, 7];

interface Packet {
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
  readonly ssrc?: number;
  readonly payloadType?: number;
  readonly marker?: boolean;
}

/** An ingest on a publication that notes what is done to it. */
class Stage {
  readonly written: MediaPacket[] = [];
  readonly announced: (readonly TrackDescriptor[])[] = [];
  readonly sent: { readonly index: number; readonly packet: RtcpPacket }[] = [];
  readonly ingest: RtpIngest;

  constructor(tracks: readonly RtpIngestTrack[], { mayReorder = false, state }: { mayReorder?: boolean; state?: RtpIngestState } = {}) {
    const publication = { setTracks: (list: readonly TrackDescriptor[]) => void this.announced.push(list), writePacket: (packet: MediaPacket) => void this.written.push(packet) };
    const sendRtcp = (index: number, compound: Uint8Array): void => void this.sent.push(...parseRtcp(compound).map((packet) => ({ index, packet })));
    this.ingest = new RtpIngest({ publication: publication as unknown as Publication, tracks, mayReorder, ssrc: OWN_SSRC, sendRtcp }, state);
  }

  video(packet: Packet, atMs = 0): this {
    return this.#push(0, VIDEO_SSRC, packet, atMs);
  }

  audio(packet: Packet, atMs = 0, index = 1): this {
    return this.#push(index, AUDIO_SSRC, packet, atMs);
  }

  report(index: number, ssrc: number, unixMs: number, rtpTimestamp: number): this {
    this.ingest.rtcp(index, encodeRtcp([{ type: 'senderReport', ssrc, ntp: ntpOfUnixMs(unixMs), rtpTimestamp, packetCount: 1, octetCount: 1, reports: [] }]), 0);
    return this;
  }

  /** What was written, as track, number and first byte of the payload. */
  get log(): string[] {
    return this.written.map(({ track, sequence, rtp }) => `${track.id} ${sequence} ${(parseRtp(rtp).payload[0] ?? 0).toString(16)}`);
  }

  #push(index: number, ssrc: number, { sequence, timestamp, payload, payloadType = 96, marker = true, ...other }: Packet, atMs: number): this {
    this.ingest.rtp(index, encodeRtp({ ssrc: other.ssrc ?? ssrc, sequenceNumber: sequence, timestamp, payload, payloadType, marker }), atMs);
    return this;
  }
}

test('tracks that the description tells are announced at once, and packets are written as they come', (t) => {
  const stage = new Stage([H264, PCMA]);
  t.deepEqual(stage.announced.map((tracks) => tracks.map(({ id, codec }) => `${id} ${codec}`)), [['video h264', 'audio pcma']]);
  stage.audio({ sequence: 5, timestamp: 0, payload: SOUND });
  t.deepEqual(stage.log, ['audio 0 0']);
});

test('where packets have to tell a format, all wait until every track is known, and come in order of arrival', (t) => {
  const stage = new Stage([BARE, PCMA]);
  t.deepEqual(stage.announced, []);
  stage.audio({ sequence: 1, timestamp: 0, payload: SOUND }).audio({ sequence: 2, timestamp: 160, payload: SOUND });
  t.deepEqual(stage.log, []);
  stage.video({ sequence: 1, timestamp: 0, payload: SPS, marker: false }).video({ sequence: 2, timestamp: 0, payload: PPS, marker: false });
  t.deepEqual(stage.announced.map((tracks) => tracks.length), [2]);
  stage.video({ sequence: 3, timestamp: 0, payload: IDR });
  t.deepEqual(stage.log.filter((line) => line.startsWith('audio')), ['audio 0 0', 'audio 1 0']);
  t.true(stage.log.indexOf('audio 1 0') < stage.log.findIndex((line) => line.startsWith('video')));
  t.true(stage.log.at(-1)?.endsWith(' 65'));
});

test('a track that stays unknown is waited for a second, and comes later as another one', (t) => {
  const stage = new Stage([BARE, PCMA]);
  stage.audio({ sequence: 1, timestamp: 0, payload: SOUND }, 0);
  stage.ingest.tick(900);
  t.deepEqual(stage.announced, []);
  stage.ingest.tick(1000);
  t.deepEqual(stage.announced.map((tracks) => tracks.map(({ id }) => id)), [['audio']]);
  t.deepEqual(stage.log, ['audio 0 0']);
  stage.video({ sequence: 1, timestamp: 0, payload: SPS, marker: false }, 2000).video({ sequence: 2, timestamp: 0, payload: PPS, marker: false }, 2000).video({ sequence: 3, timestamp: 0, payload: IDR }, 2000);
  t.deepEqual(stage.announced.at(-1)?.map(({ id }) => id), ['video', 'audio']);
});

test('parameter sets of the description go before key frames that come without, once for each', (t) => {
  const stage = new Stage([H264]);
  stage.video({ sequence: 1, timestamp: 0, payload: IDR, marker: false }).video({ sequence: 2, timestamp: 0, payload: IDR });
  stage.video({ sequence: 3, timestamp: 3000, payload: DELTA });
  stage.video({ sequence: 4, timestamp: 6000, payload: SPS, marker: false }).video({ sequence: 5, timestamp: 6000, payload: PPS, marker: false }).video({ sequence: 6, timestamp: 6000, payload: IDR });
  t.deepEqual(stage.log, ['video 0 67', 'video 1 68', 'video 2 65', 'video 3 65', 'video 4 41', 'video 5 67', 'video 6 68', 'video 7 65']);
  t.deepEqual(stage.written.map(({ key }) => key), [true, true, true, true, false, true, true, true]);
});

test('packets that overtook each other over UDP are put in order, a hole is given up in time, and what comes twice counts once', (t) => {
  const stage = new Stage([PCMA], { mayReorder: true });
  const sound = (sequence: number, atMs: number): void => void stage.audio({ sequence, timestamp: sequence * 160, payload: SOUND }, atMs, 0);
  for (const sequence of [65_534, 0, 65_535, 65_535, 1]) sound(sequence, 0);
  t.deepEqual(stage.log, ['audio 0 0', 'audio 1 0', 'audio 2 0', 'audio 3 0']);
  sound(3, 100);
  t.is(stage.written.length, 4);
  stage.ingest.tick(149);
  t.is(stage.written.length, 4);
  stage.ingest.tick(150);
  t.deepEqual(stage.log.slice(4), ['audio 5 0']);
});

test("somebody else's packets are left out while the source speaks, and another source takes over once it is silent, its numbers going on", (t) => {
  const stage = new Stage([PCMA]);
  stage.audio({ sequence: 100, timestamp: 0, payload: SOUND }, 0, 0);
  stage.audio({ sequence: 7000, timestamp: 9, payload: SOUND, ssrc: 66 }, 100, 0);
  t.is(stage.written.length, 1);
  stage.audio({ sequence: 7000, timestamp: 9, payload: SOUND, ssrc: 66 }, 300, 0);
  t.deepEqual(stage.log, ['audio 0 0', 'audio 1 0']);
  t.true((stage.written[1]?.ptsUs ?? 0) > (stage.written[0]?.ptsUs ?? 0));
  t.is(stage.ingest.lastPacketMs, 300);
});

test('a payload type that was described is the only one, and one that was not may be any', (t) => {
  const strict = new Stage([{ ...PCMA, payloadType: 8 }]);
  strict.audio({ sequence: 1, timestamp: 0, payload: SOUND, payloadType: 13 }, 0, 0).audio({ sequence: 2, timestamp: 160, payload: SOUND, payloadType: 8 }, 0, 0);
  t.is(strict.written.length, 1);
  const lax = new Stage([PCMA]);
  lax.audio({ sequence: 1, timestamp: 0, payload: SOUND, payloadType: 35 }, 0, 0);
  t.is(lax.written.length, 1);
});

test('reports of the sender put sound and picture of one moment at one time', (t) => {
  const stage = new Stage([H264, PCMA]);
  // The picture's clock stands at 900000 where the sound's stands at 40000; the picture takes 300 ms longer to come.
  stage.report(0, VIDEO_SSRC, 1_700_000_000_000, 900_000).report(1, AUDIO_SSRC, 1_700_000_000_000, 40_000);
  stage.audio({ sequence: 1, timestamp: 40_000, payload: SOUND }, 1000).video({ sequence: 1, timestamp: 900_000, payload: DELTA }, 1300);
  const [sound, picture] = stage.written;
  t.true(Math.abs((sound?.ptsUs ?? 0) - (picture?.ptsUs ?? Infinity)) < 1000, `${sound?.ptsUs} and ${picture?.ptsUs}`);
});

test('the sender is told every five seconds how it is received, and asked for key frames twice a second at most, where it makes any', (t) => {
  const stage = new Stage([{ ...H264, takesPli: true }, PCMA]);
  t.true(stage.ingest.makesKeyFrames);
  stage.ingest.requestKeyFrame('video', 0);
  t.deepEqual(stage.sent, [], 'nothing is known of the source yet');
  stage.video({ sequence: 1, timestamp: 0, payload: DELTA }).video({ sequence: 3, timestamp: 3000, payload: DELTA });
  for (const atMs of [0, 100, 499, 500]) stage.ingest.requestKeyFrame('video', atMs);
  stage.ingest.requestKeyFrame('audio', 2000);
  t.deepEqual(stage.sent.flatMap(({ packet }) => (packet.type === 'pli' ? [packet.mediaSsrc] : [])), [VIDEO_SSRC, VIDEO_SSRC]);
  stage.sent.length = 0;
  for (const atMs of [1000, 1250, 5999, 6000]) stage.ingest.tick(atMs);
  const reports = stage.sent.flatMap(({ index, packet }) => (packet.type === 'receiverReport' ? packet.reports.map(({ ssrc, cumulativeLost }) => [index, ssrc, cumulativeLost]) : []));
  t.deepEqual(reports, [[0, VIDEO_SSRC, 1], [0, VIDEO_SSRC, 1]]);
  t.false(new Stage([H264]).ingest.makesKeyFrames);
});

test('an ingest that goes on from plain data writes what the first one would have written', (t) => {
  const packets: Packet[] = Array.from({ length: 60 }, (_, number) => ({ sequence: 65_500 + number & 0xffff, timestamp: number * 3000, payload: number % 10 === 0 ? IDR : DELTA }));
  fc.assert(
    fc.property(fc.nat(60), fc.constantFrom(H264, BARE), (at, track) => {
      const whole = new Stage([track, PCMA]);
      const first = new Stage([track, PCMA]);
      const feed = (stage: Stage, packet: Packet, index: number): void => void stage.video(packet, index * 33).audio({ ...packet, payload: SOUND, timestamp: packet.timestamp / 11.25 }, index * 33);
      packets.forEach((packet, index) => feed(whole, packet, index));
      packets.slice(0, at).forEach((packet, index) => feed(first, packet, index));
      const second = new Stage([track, PCMA], { state: structuredClone(first.ingest.exportState()) });
      packets.slice(at).forEach((packet, index) => feed(second, packet, at + index));
      const plain = ({ track: { id, revision }, rtp, sequence, ptsUs, key, marker }: MediaPacket) => [id, revision, Buffer.from(rtp).toString('hex'), sequence, ptsUs, key, marker];
      t.deepEqual([...first.written, ...second.written].map(plain), whole.written.map(plain));
    }),
    { numRuns: 40 },
  );
});

test('whatever comes as RTP or RTCP, nothing is thrown', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.boolean(), fc.uint8Array({ maxLength: 60 })), { maxLength: 30 }), fc.boolean(), (arrivals, mayReorder) => {
      const stage = new Stage([{ ...BARE, takesPli: true }, PCMA, { id: 'audio2', kind: 'audio', codec: 'aac', clockRateHz: 48_000, packing: { type: 'latm', configInBand: true } }], { mayReorder });
      for (const [place, [index, isRtcp, bytes]] of arrivals.entries()) {
        const rtp = Uint8Array.of(0x80, 96, 0, place, 0, 0, place, 0, 0, 0, 0, index, ...bytes);
        stage.ingest.rtp(index, bytes, place);
        if (isRtcp) stage.ingest.rtcp(index, bytes, place);
        else stage.ingest.rtp(index, rtp, place);
        stage.ingest.tick(place * 40);
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});
