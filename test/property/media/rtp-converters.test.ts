import test from 'ava';
import fc from 'fast-check';
import type { MediaFrame, MediaPacket } from '../../../core/media/frame.ts';
import { kindOfCodec } from '../../../core/media/codecs.ts';
import { rtpConverters } from '../../../core/media/rtp-converters.ts';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { FORMATS, type FormatUnderTest } from '../../support/rtp-formats.ts';
import { makeBus, META } from '../../support/media.ts';
import { toHex } from '../../support/rtp-payload.ts';

/** Of AAC, the bus has one format only. */
const FORMATS_OF_BUS = FORMATS.filter(({ name }) => name !== 'AAC-lbr' && !name.startsWith('LATM'));

function trackOf({ codec, clockRateHz }: FormatUnderTest): TrackDescriptor {
  return { id: 'media', kind: kindOfCodec(codec), codec, clockRateHz, revision: 1 };
}

function framesOf(format: FormatUnderTest): fc.Arbitrary<MediaFrame[]> {
  const track = trackOf(format);
  const stepUs = Math.round((format.ticksApart * 1_000_000) / format.clockRateHz);
  return fc.array(format.unit, { minLength: 1, maxLength: 6 }).map((units) =>
    units.map(({ data, key }, index): MediaFrame => {
      const ptsUs = 5_000_000 + index * stepUs;
      return { track, ptsUs, dtsUs: ptsUs, key, data, receivedAtMs: index };
    }),
  );
}

/** Frames through a bus that makes packets of them. */
function packetise(track: TrackDescriptor, frames: readonly MediaFrame[]): MediaPacket[] {
  const { bus, faults } = makeBus();
  for (const converter of rtpConverters()) bus.registerConverter(converter);
  const publication = bus.publish({ name: 's', owner: 'o', meta: META });
  publication.setTracks([track]);
  const packets: MediaPacket[] = [];
  const sink = { onTracks: () => undefined, onPacket: (packet: MediaPacket) => void packets.push(packet), onEnd: () => undefined };
  bus.find('s')!.subscribe({ plane: 'packets', from: 'live', label: 'packets', sink });
  for (const frame of frames) publication.write(frame);
  if (faults.length > 0) throw new Error(String(faults[0]));
  return packets;
}

/** Packets through another bus that makes frames of them. */
function depacketise(track: TrackDescriptor, packets: readonly MediaPacket[]): MediaFrame[] {
  const { bus, faults } = makeBus();
  for (const converter of rtpConverters()) bus.registerConverter(converter);
  const publication = bus.publish({ name: 's', owner: 'o', meta: META });
  publication.setTracks([track]);
  const frames: MediaFrame[] = [];
  const sink = { onTracks: () => undefined, onFrame: (frame: MediaFrame) => void frames.push(frame), onEnd: () => undefined };
  bus.find('s')!.subscribe({ plane: 'frames', from: 'live', label: 'frames', sink });
  for (const packet of packets) publication.writePacket(packet);
  if (faults.length > 0) throw new Error(String(faults[0]));
  return frames;
}

const asText = (frames: readonly MediaFrame[]): string => frames.map(({ ptsUs, dtsUs, key, data }) => `${ptsUs} ${dtsUs} ${key} ${toHex(data)}`).join('\n');

/** Late packets, each by at most three places; the first stays the first. */
function reorder(packets: readonly MediaPacket[], delays: readonly number[]): MediaPacket[] {
  const places = packets.map((packet, index) => ({ packet, at: index === 0 ? -1 : index + (delays[index % delays.length] ?? 0) + index / 1000 }));
  return places.sort((a, b) => a.at - b.at).map(({ packet }) => packet);
}

for (const format of FORMATS_OF_BUS) {
  const track = trackOf(format);
  const fromJoin = (frames: readonly MediaFrame[]): readonly MediaFrame[] => {
    // A stream is joined at a frame that surely begins one, so the first that is not is left out by the bus.
    const at = track.kind === 'audio' ? 0 : frames.findIndex(({ key }) => key);
    return at < 0 ? [] : frames.slice(at);
  };

  test(`${format.name}: frames of the bus are the same after their way as packets, in any order`, (t) => {
    let checked = 0;
    fc.assert(
      fc.property(framesOf(format), fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 5, maxLength: 9 }), (frames, delays) => {
        const packets = packetise(track, frames);
        t.true(packets.every(({ rtp, sequence }, index) => rtp[0] === 0x80 && (rtp[1]! & 0x7f) === 96 && sequence === index));
        t.true(packets.every(({ rtp }) => rtp.length <= 12 + 1150));
        const expected = fromJoin(frames);
        const got = depacketise(track, reorder(packets, delays));
        const from = got.findIndex(({ ptsUs }) => ptsUs === expected[0]?.ptsUs);
        if (from < 0) return;
        checked += expected.length;
        t.is(asText(got.slice(from)), asText(expected));
      }),
      { numRuns: 60 },
    );
    t.true(checked > 20);
  });
}
