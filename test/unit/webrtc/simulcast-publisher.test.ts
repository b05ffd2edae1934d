import test from 'ava';
import { encodeHeaderExtensions } from '../../../core/rtp/header-extensions.ts';
import { encodeRtp, parseRtp } from '../../../core/rtp/packet.ts';
import { parseRtcp, type RtcpPacket } from '../../../core/rtp/rtcp.ts';
import type { MediaPacket } from '../../../core/media/frame.ts';
import { RtpPublisher, type RtpPublisherState } from '../../../plugins/webrtc/bridge/rtp-publisher.ts';
import { withoutPictureId } from '../../../plugins/webrtc/session/vp8-descriptor.ts';
import { negotiateAnswer, type AcceptedMedia } from '../../../plugins/webrtc/wire/negotiate-answer.ts';
import { parseOffer } from '../../../plugins/webrtc/wire/sdp-offer.ts';
import { makeBus, META } from '../../support/media.ts';
import { ALL_CODECS, goldenSdp } from '../../support/webrtc-sdp.ts';

const LAYERS = { h: { ssrc: 11, rtx: 12, width: 640, height: 360 }, l: { ssrc: 21, rtx: 22, width: 160, height: 90 } } as const;
type Rid = keyof typeof LAYERS;
const SECTION = 1;

/** The video section of an offer with two layers, alone. */
function layeredMedia(): AcceptedMedia[] {
  const sdp = goldenSdp('publish').replaceAll(/a=ssrc.*\r\n/g, '') + 'a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n';
  const { media } = negotiateAnswer(parseOffer(sdp), 'publish', { codecs: ALL_CODECS, orientation: false, simulcast: true });
  return media.filter((entry) => entry.type === 'accepted').filter(({ kind }) => kind === 'video');
}

/** A VP8 payload with picture id, TL0PICIDX and temporal layer; the first of a key frame tells its size. */
function vp8(pictureId: number, size?: { readonly width: number; readonly height: number }): Uint8Array {
  const descriptor = [0x90, 0xe0, 0x80 | (pictureId >> 8), pictureId & 0xff, 7, 0];
  const frame = size === undefined ? [0x11, 0, 0] : [0x10, 0, 0, 0x9d, 0x01, 0x2a, size.width & 0xff, size.width >> 8, size.height & 0xff, size.height >> 8, 0, 0];
  return Uint8Array.from([...descriptor, ...frame]);
}

/** A publisher of two layers on a bus, and what it is told. */
class Stage {
  readonly packets: MediaPacket[] = [];
  readonly told: RtcpPacket[] = [];
  readonly publication = makeBus().bus.publish({ name: 'live', owner: 'me', meta: META });
  publisher = this.#open();
  nowMs = 1000;
  readonly #sent: Record<Rid, number> = { h: 0, l: 0 };

  constructor() {
    const { stream } = this.publication;
    stream.subscribe({ plane: 'packets', from: 'live', layers: true, label: 'all', sink: { onTracks: () => undefined, onPacket: (packet) => void this.packets.push(packet), onEnd: () => undefined } });
  }

  swap(): void {
    this.publisher = this.#open(structuredClone(this.publisher.exportState()));
  }

  send(rid: Rid, key = false): void {
    const { ssrc, width, height } = LAYERS[rid];
    const number = (this.#sent[rid] += 1);
    const extension = encodeHeaderExtensions([{ id: 4, data: new TextEncoder().encode('1') }, { id: 10, data: new TextEncoder().encode(rid) }]);
    const payload = vp8(ssrc * 100 + number, key ? { width, height } : undefined);
    this.publisher.rtp(encodeRtp({ ssrc, payloadType: 96, marker: true, sequenceNumber: number, timestamp: ssrc * 100_000 + this.nowMs * 90, payload, extension }), [SECTION], this.nowMs);
  }

  /** A frame of each of these layers, then the time of one. */
  frame(rids: readonly Rid[], keys: readonly Rid[] = []): void {
    for (const rid of rids) this.send(rid, keys.includes(rid));
    this.nowMs += 40;
    this.publisher.tick(this.nowMs);
  }

  plis(): number[] {
    return this.told.flatMap((packet) => (packet.type === 'pli' ? [packet.mediaSsrc] : []));
  }

  #open(state?: RtpPublisherState): RtpPublisher {
    const sink = { sendRtcp: (_index: number, compound: Uint8Array) => void this.told.push(...parseRtcp(compound)), onTerminated: () => undefined };
    return new RtpPublisher({ publication: this.publication, media: layeredMedia(), maxBitrateBps: 2_000_000, ssrc: 99, sink }, state);
  }
}

test('two layers are one picture for the bus, told once both are known, and the estimate is for the sum of them', (t) => {
  const stage = new Stage();
  stage.send('l', true);
  t.deepEqual(stage.publication.stream.tracks, []);
  stage.frame(['h'], ['h']);
  t.like(stage.publication.stream.tracks, [{ id: 'video', width: 640, height: 360 }]);
  t.is(stage.publication.stream.tracks.length, 1);
  stage.frame(['h', 'l']);
  t.deepEqual(stage.packets.map(({ track }) => track.id), ['video:l', 'video', 'video:h', 'video', 'video:h', 'video:l']);
  const estimate = stage.told.find((packet) => packet.type === 'remb');
  t.like(estimate, { bitrateBps: 2_000_000, ssrcs: [21, 11] });
});

test('a key frame is asked of the layer that is meant, and a layer that goes silent is replaced in the picture', (t) => {
  const stage = new Stage();
  stage.frame(['l', 'h'], ['l', 'h']);
  stage.told.length = 0;
  stage.publisher.requestKeyFrame('video');
  stage.publisher.requestKeyFrame('video:l');
  t.deepEqual(stage.plis(), [11, 21]);
  stage.told.length = 0;
  for (let frames = 0; frames < 20; frames += 1) stage.frame(['l']);
  t.true(stage.plis().length > 0);
  t.deepEqual([...new Set(stage.plis())], [21]);
  stage.frame(['l'], ['l']);
  t.like(stage.publication.stream.tracks, [{ id: 'video', width: 160 }]);
  const picture = stage.packets.filter(({ track }) => track.id === 'video');
  t.deepEqual(picture.map(({ sequence }) => sequence), [0, 1]);
});

test('the next version of the plugin goes on with every layer', (t) => {
  const stage = new Stage();
  stage.frame(['l', 'h'], ['l', 'h']);
  stage.swap();
  stage.frame(['l', 'h']);
  t.deepEqual(stage.packets.map(({ track, sequence }) => [track.id, sequence & 0xffff]).slice(3), [['video:l', 2], ['video', 1], ['video:h', 2]]);
  t.like(stage.publication.stream.tracks, [{ id: 'video', width: 640, revision: 0 }]);
});

test('packets of layers lose the numbers that only their own layer knows', (t) => {
  const rtp = encodeRtp({ ssrc: 1, payloadType: 96, sequenceNumber: 1, timestamp: 1, payload: vp8(300, LAYERS.h) });
  const plain = withoutPictureId(rtp);
  t.deepEqual([...parseRtp(plain).payload.subarray(0, 5)], [0x10, 0x10, 0, 0, 0x9d]);
  t.is(withoutPictureId(plain), plain);
});

test('VP9 comes in one layer: its frames name others by numbers of their own layer', (t) => {
  const sdp = goldenSdp('publish') + 'a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n';
  const { media } = negotiateAnswer(parseOffer(sdp), 'publish', { codecs: ['vp9', 'opus'], orientation: false, simulcast: true });
  t.deepEqual(media.map((entry) => (entry.type === 'accepted' ? [entry.codecs[0]?.codec, entry.rids] : [])), [['opus', []], ['vp9', []]]);
});
