import type { ExecutionContext } from 'ava';
import { parseAvcConfig } from '../../../core/formats/h264.ts';
import { realConfigs } from '../rtmp-media.ts';
import { CLIENT_SSRC, TestClient, type ClientOptions } from './client.ts';
import { PayloadType } from './session-description.ts';

const KEY_EVERY = 10;
/** Of RTCP. @see RFC 4585 section 6.3.1 */
const PSFB = 206;
const PLI = 1;
const NAL_STAP_A = 0x78;
const NAL_IDR = 0x65;
const NAL_NON_IDR = 0x41;
/** Configuration number of 20 ms of CELT, mono, one frame. @see RFC 6716 section 3.1 */
const OPUS_TOC = 0xf8;
/** Of the classic form of a video body. */
const FLV_VIDEO_HEADER_BYTES = 5;
const TICKS = { video: 3600, audio: 1920 } as const;
const EXTENSION_PROFILE = 0xbede;

/** Publishes H.264 and Opus whose packets carry nothing but their numbers: one picture and one sound for each. The next picture after a PLI is a key picture. */
export class NumberedPublisher {
  /** The number that comes next. */
  next = 0;
  readonly #orientationId: number | undefined;
  #client: TestClient | undefined;
  #wantsKey = false;

  private constructor(orientationId: number | undefined) {
    this.#orientationId = orientationId;
  }

  static async start(t: ExecutionContext, options: Omit<ClientOptions, 'direction' | 'onRtcp'>): Promise<NumberedPublisher> {
    const publisher = new NumberedPublisher(options.orientationId);
    publisher.#client = await TestClient.connect(t, { ...options, direction: 'sendonly', onRtcp: (compound) => publisher.#onRtcp(compound) });
    return publisher;
  }

  get client(): TestClient {
    if (this.#client === undefined) throw new Error('Not connected');
    return this.#client;
  }

  /** @param orientation byte of the picture's orientation; sent under the id that was offered */
  write(orientation?: number): void {
    const number = this.next++;
    const { video, audio } = CLIENT_SSRC;
    const extension = orientation === undefined || this.#orientationId === undefined ? undefined : Buffer.of(this.#orientationId << 4, orientation, 0, 0);
    this.client.sendRtp(rtp(PayloadType.VIDEO, video, number, number * TICKS.video, this.#picture(number), extension), number);
    this.client.sendRtp(rtp(PayloadType.AUDIO, audio, number, number * TICKS.audio, Buffer.concat([Buffer.of(OPUS_TOC), numberBytes(number)])), number);
  }

  leave(): void {
    this.client.leave();
  }

  #picture(number: number): Buffer {
    const key = this.#wantsKey || number % KEY_EVERY === 0;
    this.#wantsKey = false;
    return picture(number, key);
  }

  #onRtcp(compound: Buffer): void {
    for (let at = 0; at + 4 <= compound.length; at += 4 + compound.readUInt16BE(at + 2) * 4) {
      if (compound[at + 1] === PSFB && (compound.readUInt8(at) & 0x1f) === PLI) this.#wantsKey = true;
    }
  }
}

/** What came of one kind. */
interface Received {
  readonly sequences: number[];
  readonly numbers: number[];
}

/** Plays what a `NumberedPublisher` publishes, and keeps all numbers of media and of RTP. */
export class NumberedPlayer {
  readonly video: Received = { sequences: [], numbers: [] };
  readonly audio: Received = { sequences: [], numbers: [] };
  /** Header extensions of the pictures, of those that had one. */
  readonly extensions: Buffer[] = [];
  #client: TestClient | undefined;

  static async start(t: ExecutionContext, options: Omit<ClientOptions, 'direction' | 'onRtp'>): Promise<NumberedPlayer> {
    const player = new NumberedPlayer();
    player.#client = await TestClient.connect(t, { ...options, onRtp: (packet, sequence) => player.#onRtp(packet, sequence) });
    return player;
  }

  get client(): TestClient {
    if (this.#client === undefined) throw new Error('Not connected');
    return this.#client;
  }

  /** Whether everything up to a number has come, as far as the last packets tell. */
  has(number: number): boolean {
    return [this.video, this.audio].every(({ numbers }) => numbers.at(-1) === number);
  }

  /** What is missing, repeated, out of order or under a wrong key, in words; empty where all is well. */
  faults(): string[] {
    const faults = Object.entries({ picture: this.video.numbers, 'picture packet': this.video.sequences, sound: this.audio.numbers, 'sound packet': this.audio.sequences }).flatMap(([what, numbers]) => {
      const at = numbers.findIndex((number, index) => number !== (numbers[0] ?? 0) + index);
      return at === -1 ? [] : [`${what} ${numbers[at]} after ${numbers[at - 1]}`];
    });
    return this.client.forged === 0 ? faults : [...faults, `${this.client.forged} packets that the keys do not open`];
  }

  leave(): void {
    this.client.leave();
  }

  #onRtp(packet: Buffer, sequence: number): void {
    const isAudio = (packet.readUInt8(1) & 0x7f) === PayloadType.AUDIO;
    const received = isAudio ? this.audio : this.video;
    received.sequences.push(sequence);
    received.numbers.push(packet.readUInt32BE(packet.length - 4));
    if (!isAudio && (packet.readUInt8(0) & 0x10) !== 0) this.extensions.push(packet.subarray(12, 16 + packet.readUInt16BE(14) * 4));
  }
}

function rtp(payloadType: number, ssrc: number, sequence: number, timestamp: number, payload: Buffer, extension?: Buffer): Buffer {
  const header = Buffer.alloc(12);
  header[0] = extension === undefined ? 0x80 : 0x90;
  // Each packet is a whole picture or sound.
  header[1] = 0x80 | payloadType;
  header.writeUInt16BE(sequence % 65_536, 2);
  header.writeUInt32BE(timestamp % 2 ** 32, 4);
  header.writeUInt32BE(ssrc, 8);
  if (extension === undefined) return Buffer.concat([header, payload]);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(EXTENSION_PROFILE, 0);
  head.writeUInt16BE(extension.length / 4, 2);
  return Buffer.concat([header, head, extension, payload]);
}

/** A key picture brings its parameter sets in the same packet. @see RFC 6184 section 5.7.1 */
function picture(number: number, key: boolean): Buffer {
  if (!key) return Buffer.concat([Buffer.of(NAL_NON_IDR, 0x9a), numberBytes(number)]);
  const units = [...parameterSets(), Buffer.concat([Buffer.of(NAL_IDR, 0x88), numberBytes(number)])];
  return Buffer.concat([Buffer.of(NAL_STAP_A), ...units.flatMap((unit) => [Buffer.of(unit.length >> 8, unit.length & 0xff), unit])]);
}

let sets: readonly Uint8Array[] | undefined;

function parameterSets(): readonly Uint8Array[] {
  if (sets === undefined) {
    const { sps, pps } = parseAvcConfig(realConfigs().video.subarray(FLV_VIDEO_HEADER_BYTES));
    sets = [...sps, ...pps];
  }
  return sets;
}

function numberBytes(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}
