import { readFileSync } from 'node:fs';
import { FlvReader, parseAudioBody, parseVideoBody } from '../../core/formats/flv.ts';
import { NEED_MORE } from '../../core/formats/need-more.ts';
import type { MediaBus } from '../../core/media/media-bus.ts';
import type { Publication } from '../../core/media/publication.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';

/** A unit of the MSE framing. */
export interface Unit {
  readonly kind: 'audio' | 'video';
  readonly timestampMs: number;
  readonly config: boolean;
  readonly key: boolean;
  /** What follows the FLV head. */
  readonly data: Buffer;
}

/** Takes messages of a media socket apart. @see WebSocket signalling section 8.1 */
export function unitsOf(messages: readonly Buffer[]): Unit[] {
  return messages.flatMap((message) => {
    const units: Unit[] = [];
    for (let at = 0; at < message.length; ) {
      const kind = message[at] === 9 ? 'video' : 'audio';
      const end = at + 9 + message.readUInt32BE(at + 5);
      const body = message.subarray(at + 9, end);
      const config = kind === 'video' ? body[1] === 0 : body[0] === 0;
      units.push({ kind, timestampMs: message.readInt32BE(at + 1), config, key: kind === 'audio' || body[0] === 0x17, data: body.subarray(kind === 'video' ? 5 : 1) });
      at = end;
    }
    return units;
  });
}

/** Numbers of the pictures, or sounds, of a `NumberedPublisher` in what came. */
export function numbersOf(messages: readonly Buffer[], kind: 'audio' | 'video'): number[] {
  return unitsOf(messages).filter((unit) => unit.kind === kind && !unit.config).map(({ data }) => data.readUInt32BE(0));
}

/** Publishes frames that are only their number, with the configurations of a real file. */
export class NumberedPublisher {
  readonly publication: Publication;
  readonly tracks: readonly TrackDescriptor[];
  next = 0;

  constructor(bus: MediaBus, name: string, tracks: readonly Partial<TrackDescriptor>[] = [{ kind: 'video' }, { kind: 'audio' }]) {
    const { video, audio } = configsOf('test/golden/formats/flv/h264-aac.flv');
    this.tracks = tracks.map((track) => (track.kind === 'video'
      ? { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 0, codecConfig: video, width: 64, height: 48, ...track }
      : { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: 44_100, revision: 0, codecConfig: audio, sampleRateHz: 44_100, channels: 2, ...track }));
    this.publication = bus.publish({ name, owner: 'test', tracks: this.tracks, graceMs: 0, meta: { plugin: 'test', protocol: 'test', sessionId: 'test', params: {} } });
  }

  /** Writes one frame of each track; the presentation of pictures may be shifted. */
  write(options: { readonly key?: boolean; readonly shiftMs?: number; readonly length?: number } = {}): void {
    const number = this.next++;
    for (const track of this.tracks) {
      const data = Buffer.alloc(options.length ?? 40);
      data.writeUInt32BE(number);
      const dtsUs = number * 40_000 + (track.kind === 'audio' ? 3000 : 0);
      const shiftUs = track.kind === 'video' ? (options.shiftMs ?? 0) * 1000 : 0;
      const key = track.kind === 'audio' || (options.key ?? number % 10 === 0);
      this.publication.write({ track, dtsUs, ptsUs: dtsUs + shiftUs, key, data, receivedAtMs: performance.now() });
    }
  }
}

function configsOf(file: string): { readonly video: Uint8Array; readonly audio: Uint8Array } {
  const reader = new FlvReader();
  reader.push(readFileSync(file));
  const found: { video?: Uint8Array; audio?: Uint8Array } = {};
  for (let tag = reader.next(); tag !== NEED_MORE; tag = reader.next()) {
    const packets = tag.type === 'video' ? parseVideoBody(tag.body.slice()) : tag.type === 'audio' ? parseAudioBody(tag.body.slice()) : [];
    for (const packet of packets) if (packet.packet === 'config') found[packet.type] ??= packet.data;
  }
  return { video: found.video!, audio: found.audio! };
}
