import { ntpOfUnixMs } from '../../core/rtp/ntp.ts';
import { encodeRtp } from '../../core/rtp/packet.ts';
import { encodeRtcp } from '../../core/rtp/rtcp.ts';
import type { TestRtspClient } from './rtsp-client.ts';

const SPS = 'Z0LAH9oBQBbsBEAAAAMAQAAADwPGDKg=';
const PPS = 'aM48gA==';
/** Bytes of the fragments of a picture. */
const FRAGMENT_BYTES = 900;
/** Of a picture that is no key frame. */
const FRAGMENTS = 3;
const FU_A = 0x7c;
/** By track, as the description says; 25 pictures a second, and a sound to each. */
const CLOCK_RATES_HZ = [90_000, 8000] as const;
const PICTURES_PER_SECOND = 25;
/** Wall clock of picture 0. */
const START_UNIX_MS = 1_700_000_000_000;

/** A stream of pictures and sound by numbers. */
export const NUMBERED_SDP = [
  'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=numbered', 't=0 0',
  'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', `a=fmtp:96 packetization-mode=1;sprop-parameter-sets=${SPS},${PPS}`, 'a=control:streamid=0',
  'm=audio 0 RTP/AVP 8', 'a=rtpmap:8 PCMA/8000/1', 'a=control:streamid=1', '',
].join('\r\n');
export const NUMBERED_CONTROLS = ['streamid=0', 'streamid=1'] as const;

/** Publishes pictures that bear their numbers, of several packets each, and sound of which each packet bears its own. */
export class NumberedPublisher {
  readonly #path: Pick<TestRtspClient, 'send'>;
  readonly #sequences = [1000, 65_500];
  #number = 0;
  /** How much its clock, by which RTP and reports go, is ahead of its pictures, in whole seconds. */
  clockAheadS = 0;

  constructor(path: Pick<TestRtspClient, 'send'>) {
    this.#path = path;
  }

  /** The next number. */
  get number(): number {
    return this.#number;
  }

  /** Sends the next picture and its sound; every tenth picture is a key frame. */
  next(): void {
    for (const packet of this.picture()) packet();
    this.sound();
  }

  /** The next picture, packet by packet. */
  picture(): (() => void)[] {
    const number = this.#number++;
    const type = number % 10 === 0 ? 5 : 1;
    return Array.from({ length: FRAGMENTS }, (_, at) => () => {
      const flags = (at === 0 ? 0x80 : 0) | (at === FRAGMENTS - 1 ? 0x40 : 0);
      const payload = Buffer.alloc(FRAGMENT_BYTES, 0x55);
      payload[0] = FU_A;
      payload[1] = flags | type;
      payload.writeUInt32BE(number, 2);
      payload[6] = at;
      this.#send(0, 96, number, at === FRAGMENTS - 1, payload);
    });
  }

  sound(): void {
    const number = this.#number - 1;
    const payload = Buffer.alloc(160, 0xd5);
    payload.writeUInt32BE(number);
    this.#send(1, 8, number, false, payload);
  }

  /** The sender report of a track as of the next number. @see RFC 3550 section 6.4.1 */
  report(track: 0 | 1): Uint8Array {
    const ntp = ntpOfUnixMs(START_UNIX_MS + (this.#number / PICTURES_PER_SECOND + this.clockAheadS) * 1000);
    return encodeRtcp([{ type: 'senderReport', ssrc: 0x1000 + track, ntp, rtpTimestamp: this.#timestamp(track, this.#number), packetCount: 1, octetCount: 1, reports: [] }]);
  }

  #timestamp(track: 0 | 1, number: number): number {
    return ((number * CLOCK_RATES_HZ[track]) / PICTURES_PER_SECOND + this.clockAheadS * CLOCK_RATES_HZ[track]) >>> 0;
  }

  #send(track: 0 | 1, payloadType: number, number: number, marker: boolean, payload: Uint8Array): void {
    const sequenceNumber = this.#sequences[track]! & 0xffff;
    this.#sequences[track]! += 1;
    this.#path.send(track, encodeRtp({ payloadType, timestamp: this.#timestamp(track, number), marker, payload, sequenceNumber, ssrc: 0x1000 + track }));
  }
}

/** Numbers of the pictures of which all packets have come in order, and of the sounds. */
export function numbersOf({ packets }: TestRtspClient): { readonly pictures: number[]; readonly sounds: number[] } {
  const pictures: number[] = [];
  const sounds: number[] = [];
  let expected = 0;
  for (const { channel, rtp } of packets) {
    const payload = Buffer.from(rtp.payload);
    if (channel === 2) sounds.push(payload.readUInt32BE(0));
    if (channel !== 0 || (payload[0] ?? 0) !== FU_A) continue;
    expected = payload[6] === expected ? expected + 1 : payload[6] === 0 ? 1 : 0;
    if (expected === FRAGMENTS) pictures.push(payload.readUInt32BE(2));
    if (expected === FRAGMENTS) expected = 0;
  }
  return { pictures, sounds };
}

/** Jumps in the sequence numbers of a channel. */
export function jumpsOf({ packets }: TestRtspClient, channel: number): number {
  const numbers = packets.filter((packet) => packet.channel === channel).map(({ rtp }) => rtp.sequenceNumber);
  return numbers.filter((number, at) => at > 0 && number !== ((numbers[at - 1]! + 1) & 0xffff)).length;
}
