import test from 'ava';
import type { MediaPacket } from '../../../core/media/frame.ts';
import type { Publication } from '../../../core/media/publication.ts';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { BUS_EXTENSION_ID } from '../../../core/rtp/bus-extensions.ts';
import { encodeHeaderExtensions, headerExtensionsOf } from '../../../core/rtp/header-extensions.ts';
import { ntpOfUnixMs } from '../../../core/rtp/ntp.ts';
import { encodeRtp, parseRtp } from '../../../core/rtp/packet.ts';
import { encodeRtcp, parseRtcp, type RtcpPacket } from '../../../core/rtp/rtcp.ts';
import { RtpPublisher, type RtpPublisherState } from '../../../plugins/webrtc/bridge/rtp-publisher.ts';
import { negotiateAnswer } from '../../../plugins/webrtc/wire/negotiate-answer.ts';
import { parseOffer } from '../../../plugins/webrtc/wire/sdp-offer.ts';
import { ALL_CODECS, goldenSdp } from '../../support/webrtc-sdp.ts';

const VIDEO = { ssrc: 3578998605, payloadType: 96, index: 1 } as const;
const RTX = { ssrc: 440082962, payloadType: 97, index: 1 } as const;
const AUDIO = { ssrc: 749117176, payloadType: 111, index: 0 } as const;
const OWN_SSRC = 7;
const ORIENTATION_ID = 13;
/** Frame tag, start code and size of a key frame. @see RFC 6386 section 9.1 */
const KEY_FRAME = [0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01, 0x00];
const INTER_FRAME = [0x10, 0x11, 0x02, 0x00];
const OPUS = [0xf8, 1];

/** The packet with so many bytes of padding. @see RFC 3550 section 5.1 */
function padded(packet: Uint8Array, bytes: number): Uint8Array {
  const out = Uint8Array.of(...packet, ...Array<number>(bytes).fill(0));
  out[0] = (out[0] ?? 0) | 0x20;
  out[out.length - 1] = bytes;
  return out;
}

/** A publisher on a publication that notes what is done to it. */
class Setup {
  readonly written: MediaPacket[] = [];
  readonly tracks: (readonly TrackDescriptor[])[] = [];
  readonly ended: string[] = [];
  readonly sent: { readonly index: number; readonly packet: RtcpPacket }[] = [];
  readonly publisher: RtpPublisher;

  constructor({ offer = goldenSdp('publish'), orientation = true, state }: { offer?: string; orientation?: boolean; state?: RtpPublisherState } = {}) {
    const { media } = negotiateAnswer(parseOffer(offer), 'publish', { codecs: ALL_CODECS, orientation, simulcast: false });
    const publication = {
      setTracks: (tracks: readonly TrackDescriptor[]) => void this.tracks.push(tracks),
      writePacket: (packet: MediaPacket) => void this.written.push(packet),
      end: (reason: string) => void this.ended.push(reason),
    };
    this.publisher = new RtpPublisher(
      {
        publication: publication as unknown as Publication,
        media: media.filter((section) => section.type === 'accepted'),
        maxBitrateBps: 2_000_000,
        ssrc: OWN_SSRC,
        sink: { sendRtcp: (index, compound) => void this.sent.push(...parseRtcp(compound).map((packet) => ({ index, packet }))), onTerminated: () => undefined },
      },
      state,
    );
  }

  /** Takes a packet of a source. */
  rtp(source: typeof VIDEO | typeof RTX | typeof AUDIO, sequenceNumber: number, nowMs: number, more: { payload?: readonly number[]; orientation?: number; padding?: number; timestamp?: number } = {}): void {
    const { ssrc, payloadType } = source;
    const payload = Uint8Array.from(more.payload ?? (source === AUDIO ? OPUS : INTER_FRAME));
    const extension = encodeHeaderExtensions(more.orientation === undefined ? [] : [{ id: 4, data: Uint8Array.of(0x31) }, { id: ORIENTATION_ID, data: Uint8Array.of(more.orientation) }]);
    const ticksPerMs = source === AUDIO ? 48 : 90;
    const packet = encodeRtp({ ssrc, payloadType, sequenceNumber, timestamp: more.timestamp ?? nowMs * ticksPerMs, marker: true, payload, extension });
    this.publisher.rtp(more.padding === undefined ? packet : padded(packet, more.padding), [0, 1], nowMs);
  }

  /** Both tracks are known and announced. */
  begin(nowMs = 0): this {
    this.rtp(AUDIO, 1, nowMs);
    this.rtp(VIDEO, 100, nowMs, { payload: KEY_FRAME });
    return this;
  }

  /** Sequence numbers of the bus by kind. */
  sequences(kind: 'audio' | 'video'): number[] {
    return this.written.filter(({ track }) => track.kind === kind).map(({ sequence }) => sequence);
  }

  /** RTCP packets of a type, but for the reports that every compound begins with. */
  feedback<Type extends RtcpPacket['type']>(type: Type): Extract<RtcpPacket, { type: Type }>[] {
    return this.sent.map(({ packet }) => packet).filter((packet): packet is Extract<RtcpPacket, { type: Type }> => packet.type === type);
  }
}

test('tracks are announced together, and what came before goes out in order then', (t) => {
  const setup = new Setup();
  for (const number of [1, 2, 3]) setup.rtp(AUDIO, number, number * 20);
  t.deepEqual([setup.tracks.length, setup.written.length], [0, 0]);
  setup.rtp(VIDEO, 99, 70);
  t.is(setup.tracks.length, 0, 'a picture without its beginning tells no format');
  setup.rtp(VIDEO, 100, 80, { payload: KEY_FRAME });
  t.deepEqual(setup.tracks.map((tracks) => tracks.map(({ id, codec, width, height }) => ({ id, codec, width, height }))), [
    [
      { id: 'audio', codec: 'opus', width: undefined, height: undefined },
      { id: 'video', codec: 'vp8', width: 640, height: 480 },
    ],
  ]);
  t.deepEqual(setup.written.map(({ track }) => track.kind), ['audio', 'audio', 'audio', 'video']);
  t.is(setup.written.at(-1)?.key, true);
  setup.rtp(VIDEO, 101, 120);
  t.is(setup.written.at(-1)?.key, false);
  t.is(setup.tracks.length, 1);
});

test('a publisher of which one track never comes is not waited for longer than a second', (t) => {
  const setup = new Setup();
  setup.rtp(AUDIO, 1, 100);
  setup.publisher.tick(1099);
  t.is(setup.tracks.length, 0);
  setup.publisher.tick(1100);
  t.deepEqual(setup.tracks.map((tracks) => tracks.map(({ id }) => id)), [['audio']]);
  t.is(setup.written.length, 1);
  setup.rtp(VIDEO, 100, 1200, { payload: KEY_FRAME });
  t.deepEqual(setup.tracks.at(-1)?.map(({ id }) => id), ['audio', 'video'], 'it is announced when it comes after all');
});

test('packets go to the bus without padding, and with nothing but the orientation, under the id of the bus', (t) => {
  const setup = new Setup().begin();
  setup.rtp(VIDEO, 101, 33, { orientation: 9, padding: 8 });
  const { rtp } = setup.written.at(-1) ?? {};
  t.deepEqual(headerExtensionsOf(rtp!).map(({ id, data }) => [id, ...data]), [[BUS_EXTENSION_ID.orientation, 9]]);
  t.deepEqual(rtp?.slice(-INTER_FRAME.length), Uint8Array.from(INTER_FRAME));
  setup.rtp(AUDIO, 2, 40, { padding: 4 });
  t.deepEqual(setup.written.at(-1)?.rtp.slice(12), Uint8Array.from(OPUS));
  const other = new Setup({ orientation: false }).begin();
  other.rtp(VIDEO, 101, 33, { orientation: 9 });
  t.deepEqual(headerExtensionsOf(other.written.at(-1)!.rtp), [], 'not where it was not agreed');
});

test('strangers, wrong payload types and repetitions go nowhere', (t) => {
  const setup = new Setup().begin();
  const before = setup.written.length;
  const { publisher } = setup;
  publisher.rtp(encodeRtp({ ssrc: 99, payloadType: 96, sequenceNumber: 1, timestamp: 0, payload: Uint8Array.from(KEY_FRAME) }), [0, 1], 10);
  publisher.rtp(encodeRtp({ ssrc: VIDEO.ssrc, payloadType: 98, sequenceNumber: 101, timestamp: 0, payload: Uint8Array.from(KEY_FRAME) }), [0, 1], 10);
  setup.rtp(VIDEO, 100, 10, { payload: KEY_FRAME });
  t.is(setup.written.length, before);
});

test('a lost packet is asked for, its retransmission takes its place, and nobody asks again', (t) => {
  const setup = new Setup().begin();
  setup.rtp(VIDEO, 102, 30);
  setup.publisher.tick(35);
  t.deepEqual(setup.feedback('nack'), [], 'it may only be late');
  setup.publisher.tick(50);
  t.like(setup.feedback('nack')[0], { senderSsrc: OWN_SSRC, mediaSsrc: VIDEO.ssrc, sequences: [101] });
  setup.rtp(RTX, 5000, 80, { payload: [0, 101, ...INTER_FRAME], timestamp: 1350 });
  const [first = 0] = setup.sequences('video');
  t.deepEqual(setup.sequences('video'), [first, first + 2, first + 1]);
  t.like(parseRtp(setup.written.at(-1)!.rtp), { ssrc: VIDEO.ssrc, payloadType: 96, sequenceNumber: 101, timestamp: 1350 });
  for (let nowMs = 100; nowMs < 1000; nowMs += 25) setup.publisher.tick(nowMs);
  t.is(setup.feedback('nack').length, 1);
  t.is(setup.sent.find(({ packet }) => packet.type === 'nack')?.index, VIDEO.index, 'on the transport of its section');
});

test('a packet that is given up makes a key frame be asked for, not more often than twice a second', (t) => {
  const setup = new Setup().begin();
  let sequence = 101;
  for (let nowMs = 0; nowMs < 3000; nowMs += 25) {
    // Every fourth packet is lost.
    sequence += (nowMs / 25) % 4 === 3 ? 2 : 1;
    setup.rtp(VIDEO, sequence, nowMs);
    setup.publisher.tick(nowMs);
  }
  const asked = setup.feedback('pli').length;
  t.true(asked >= 3 && asked <= 6, `${asked} requests in three seconds, of which the first is without losses given up`);
});

test('a picture whose beginning was missed is asked for anew', (t) => {
  const setup = new Setup();
  setup.rtp(VIDEO, 100, 0);
  for (let nowMs = 0; nowMs <= 1000; nowMs += 25) setup.publisher.tick(nowMs);
  t.is(setup.feedback('pli').length, 3);
});

test('a key frame is asked for by PLI, or by FIR with its own number, or not at all', (t) => {
  const byPli = new Setup().begin();
  byPli.publisher.requestKeyFrame('video');
  byPli.publisher.requestKeyFrame('audio');
  t.deepEqual(byPli.feedback('pli').map(({ mediaSsrc }) => mediaSsrc), [VIDEO.ssrc]);
  const byFir = new Setup({ offer: goldenSdp('publish').replaceAll(/a=rtcp-fb:\d+ nack pli\r\n/g, '') }).begin();
  byFir.publisher.requestKeyFrame('video');
  byFir.publisher.requestKeyFrame('video');
  t.deepEqual(byFir.feedback('fir').map(({ entries }) => entries), [[{ ssrc: VIDEO.ssrc, commandSequence: 1 }], [{ ssrc: VIDEO.ssrc, commandSequence: 2 }]]);
  t.is(byFir.feedback('pli').length, 0);
  const without = new Setup({ offer: goldenSdp('publish').replaceAll(/a=rtcp-fb:\d+ (?:nack pli|ccm fir)\r\n/g, '') }).begin();
  without.publisher.requestKeyFrame('video');
  t.deepEqual(without.sent, []);
});

test('the sender is told what it may send twice a second and how it is received once a second', (t) => {
  const setup = new Setup().begin();
  const report = encodeRtcp([{ type: 'senderReport', ssrc: VIDEO.ssrc, ntp: ntpOfUnixMs(1_700_000_000_000), rtpTimestamp: 0, packetCount: 1, octetCount: 1, reports: [] }]);
  setup.publisher.rtcp(report, 20);
  setup.rtp(VIDEO, 102, 30);
  for (let nowMs = 0; nowMs < 2000; nowMs += 25) setup.publisher.tick(nowMs);
  t.deepEqual(setup.feedback('remb').map(({ bitrateBps, ssrcs }) => [bitrateBps, ssrcs]), Array(4).fill([2_000_000, [VIDEO.ssrc]]));
  const blocks = setup.feedback('receiverReport').flatMap(({ reports }) => reports);
  t.deepEqual(blocks.map(({ ssrc }) => ssrc).sort(), [AUDIO.ssrc, AUDIO.ssrc, VIDEO.ssrc, VIDEO.ssrc].sort());
  const video = blocks.filter(({ ssrc }) => ssrc === VIDEO.ssrc).at(-1);
  t.like(video, { cumulativeLost: 1, highestSequence: 102 });
  t.not(video?.lastSenderReport, 0);
  t.is(setup.publisher.takeVideoBits() > 0, true);
  t.is(setup.publisher.takeVideoBits(), 0);
  t.is(setup.publisher.lastPacketMs, 30);
});

test('another version goes on without announcing, repeating or losing anything', (t) => {
  const before = new Setup().begin();
  for (const number of [101, 102, 104]) before.rtp(VIDEO, number, number);
  const after = new Setup({ state: structuredClone(before.publisher.exportState()) });
  for (const number of [104, 103, 105]) after.rtp(VIDEO, number, number);
  after.rtp(AUDIO, 2, 110);
  const [first = 0] = before.sequences('video');
  t.deepEqual(after.sequences('video'), [first + 3, first + 5]);
  t.deepEqual(after.tracks, []);
  t.deepEqual(after.written[0]?.track, before.written.at(-1)?.track);
  const [last, next] = [before.written.at(-1)!, after.written[1]!];
  t.is(next.ptsUs - last.ptsUs, 1000, 'the clock goes on');
  after.publisher.tick(200);
  t.true(after.feedback('receiverReport').every(({ ssrc }) => ssrc === OWN_SSRC));
});

test('a version that comes before the tracks are known has the packets that wait', (t) => {
  const before = new Setup();
  for (const number of [1, 2]) before.rtp(AUDIO, number, number);
  const after = new Setup({ state: structuredClone(before.publisher.exportState()) });
  after.rtp(VIDEO, 100, 10, { payload: KEY_FRAME });
  t.is(after.tracks.length, 1);
  t.deepEqual(after.written.map(({ track }) => track.kind), ['audio', 'audio', 'video']);
});

test('the publisher ends its publication with the reason that it is given', (t) => {
  const setup = new Setup().begin();
  setup.publisher.end('Stopped by publisher stop');
  t.deepEqual(setup.ended, ['Stopped by publisher stop']);
});
