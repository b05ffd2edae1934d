import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import type { MediaFrame, MediaPacket } from '../../../core/media/frame.ts';
import { rtpConverters } from '../../../core/media/rtp-converters.ts';
import { encodeRtp, parseRtp } from '../../../core/rtp/packet.ts';
import { FormatProbe, type FormatFacts } from '../../../core/rtp/payload/format-probe.ts';
import { encodeStreamMuxConfig } from '../../../core/rtp/payload/latm-config.ts';
import { LatmDepacketiser, latmPacketiser } from '../../../core/rtp/payload/latm.ts';
import type { PayloadCodec } from '../../../core/rtp/payload/payload-formats.ts';
import { SequenceUnwrapper } from '../../../core/rtp/sequence.ts';
import { readIvfClip, readMp4Clip, type Clip } from '../../support/clip.ts';
import { ENCODERS, ffmpeg, hasFfmpeg, pictureSums, testInputs } from '../../support/ffmpeg.ts';
import { sendUnits, toHex } from '../../support/rtp-payload.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

const real = hasFfmpeg ? test.serial : test.serial.skip;
const folder = temporaryFolder();

const FRAME_RATE = 25;
const SECONDS = 2;
/** ffmpeg gives the last pictures out only when more packets come. */
const CHECKED_FRAMES = SECONDS * FRAME_RATE - 8;

interface Peer {
  readonly name: string;
  readonly codec: PayloadCodec;
  readonly encoders: readonly string[];
  readonly rtpmap: string;
  readonly fmtp?: string;
}

/** Without VP9, of which this ffmpeg speaks the layout of an early draft (RFC 9628 moved every flag), and AV1, of which it has none. */
const PEERS: readonly Peer[] = [
  { name: 'H.264', codec: 'h264', encoders: ENCODERS.h264, rtpmap: 'H264/90000', fmtp: 'packetization-mode=1' },
  { name: 'H.264 with B frames', codec: 'h264', encoders: ENCODERS.h264BFrames, rtpmap: 'H264/90000', fmtp: 'packetization-mode=1' },
  { name: 'HEVC', codec: 'hevc', encoders: ENCODERS.hevc, rtpmap: 'H265/90000' },
  { name: 'VP8', codec: 'vp8', encoders: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '2M', '-g', '25'], rtpmap: 'VP8/90000' },
  { name: 'Opus', codec: 'opus', encoders: ENCODERS.opus, rtpmap: 'opus/48000/2' },
  {
    name: 'AAC', codec: 'aac', encoders: ENCODERS.aac, rtpmap: 'MPEG4-GENERIC/48000/2',
    fmtp: 'streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190',
  },
];

const isVideo = ({ codec }: Peer): boolean => codec !== 'opus' && codec !== 'aac';
const pathOf = (peer: Peer): string => join(folder, `${peer.name.replaceAll(/\W/g, '')}.${peer.codec === 'vp8' ? 'ivf' : 'mp4'}`);

async function clipOf(peer: Peer): Promise<Clip> {
  const path = pathOf(peer);
  await ffmpeg(...testInputs(SECONDS, isVideo(peer) ? 'video' : 'audio'), ...peer.encoders, path);
  return peer.codec === 'vp8' ? readIvfClip(path, peer.codec, FRAME_RATE) : readMp4Clip(path, peer.codec);
}

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** An even port with a free one after it, as RTP and RTCP want. */
async function freePair(): Promise<number> {
  for (;;) {
    const socket = await openSocket();
    const { port } = socket.address();
    socket.close();
    if (port % 2 === 0) return port;
  }
}

const isBound = (port: number): boolean => readFileSync('/proc/net/udp', 'latin1').includes(`:${port.toString(16).toUpperCase().padStart(4, '0')} `);

function packetsOf({ track, frames }: Clip): MediaPacket[][] {
  const [packetiser] = rtpConverters();
  if (packetiser?.type !== 'packetiser') throw new Error('The first converter is no packetiser');
  let packets: MediaPacket[] = [];
  const conversion = packetiser.open(track, (packet) => void packets.push(packet));
  return frames.map((frame) => {
    packets = [];
    conversion.write(frame);
    return packets;
  });
}

/** Sends a clip to a port, frame by frame at four times its speed. */
async function send(clip: Clip, port: number): Promise<void> {
  const socket = await openSocket();
  for (const packets of packetsOf(clip)) {
    for (const { rtp } of packets) socket.send(rtp, port, '127.0.0.1');
    await pause(10);
  }
  socket.close();
}

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
const sumsIn = (listing: string): string[] => listing.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').at(-1)!.trim());

for (const peer of PEERS) {
  real(`ffmpeg plays our packets of ${peer.name}`, async (t) => {
    const clip = await clipOf(peer);
    const port = await freePair();
    const sdp = join(folder, `${port}.sdp`);
    const kind = isVideo(peer) ? 'video' : 'audio';
    const fmtp = peer.fmtp === undefined ? '' : `a=fmtp:96 ${peer.fmtp}\n`;
    writeFileSync(sdp, `v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=${kind} ${port} RTP/AVP 96\na=rtpmap:96 ${peer.rtpmap}\n${fmtp}`);
    const output = isVideo(peer) ? ['-fps_mode', 'passthrough', '-frames:v', String(CHECKED_FRAMES)] : ['-c', 'copy', '-frames:a', String(CHECKED_FRAMES)];
    const player = ffmpeg('-protocol_whitelist', 'file,udp,rtp', '-analyzeduration', '500000', '-i', sdp, ...output, '-f', 'framemd5', '-');
    await until(() => isBound(port), 'ffmpeg listens');
    const [listing] = await Promise.all([player, send(clip, port)]);
    const expected = isVideo(peer) ? await pictureSums(pathOf(peer)) : clip.frames.map(({ data }) => md5(data));
    t.deepEqual(sumsIn(listing), expected.slice(0, CHECKED_FRAMES));
  });

  real(`packets of ${peer.name} that ffmpeg sends become the frames that it sent`, async (t) => {
    const { track, frames: all } = await clipOf(peer);
    // Of AAC, which it collects to several frames a packet, ffmpeg never sends the last ones.
    const frames = peer.codec === 'aac' ? all.slice(0, -4) : all;
    const socket = await openSocket();
    const [, depacketiser] = rtpConverters();
    if (depacketiser?.type !== 'depacketiser') throw new Error('The second converter is no depacketiser');
    const got: MediaFrame[] = [];
    const conversion = depacketiser.open(track, (frame) => void got.push(frame));
    const unwrapper = new SequenceUnwrapper();
    const format = new FormatProbe(peer.codec);
    let facts: FormatFacts | undefined;
    let first: number | undefined;
    socket.on('message', (rtp) => {
      const { timestamp, marker, sequenceNumber, payload } = parseRtp(rtp);
      first ??= timestamp;
      facts = format.observe(payload) ?? facts;
      const ptsUs = 1_000_000 + (((timestamp - first) | 0) * 1_000_000) / track.clockRateHz;
      conversion.write({ track, rtp, sequence: unwrapper.unwrap(sequenceNumber), ptsUs, marker, key: false, receivedAtMs: 0 });
    });
    const { port } = socket.address();
    await ffmpeg('-readrate', '4', '-i', pathOf(peer), '-c', 'copy', '-f', 'rtp', `rtp://127.0.0.1:${port}?pkt_size=1200`);
    await until(() => got.length >= frames.length, `${frames.length} frames`);
    socket.close();
    if (peer.codec === 'aac') got.length = Math.min(got.length, frames.length);
    t.deepEqual(got.map(({ data }) => md5(data)), frames.map(({ data }) => md5(data)));
    const firstUs = frames[0]!.ptsUs;
    t.deepEqual(got.map(({ ptsUs }) => Math.round((ptsUs - 1_000_000) / 1000)), frames.map(({ ptsUs }) => Math.round((ptsUs - firstUs) / 1000)));
    t.true(got.every(({ dtsUs, ptsUs }, index) => dtsUs <= ptsUs && dtsUs >= (got[index - 1]?.dtsUs ?? 0)));
    if (isVideo(peer)) {
      t.deepEqual(got.map(({ key }) => key), frames.map(({ key }) => key));
      t.deepEqual(facts === undefined ? undefined : [facts.width, facts.height], peer.codec.startsWith('v') ? [160, 96] : undefined, toHex(facts?.codecConfig ?? new Uint8Array()));
    }
  });
}

const LATM = { clockRateHz: 48_000, configInBand: false } as const;
const AAC_PEER = PEERS.find(({ codec }) => codec === 'aac')!;

real('ffmpeg plays our packets of MP4A-LATM', async (t) => {
  const { track, frames } = await clipOf(AAC_PEER);
  const codecConfig = track.codecConfig!;
  const port = await freePair();
  const sdp = join(folder, `${port}.sdp`);
  const fmtp = `profile-level-id=1;cpresent=0;config=${toHex(encodeStreamMuxConfig(codecConfig))}`;
  writeFileSync(sdp, `v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio ${port} RTP/AVP 96\na=rtpmap:96 MP4A-LATM/48000/2\na=fmtp:96 ${fmtp}\n`);
  const player = ffmpeg('-protocol_whitelist', 'file,udp,rtp', '-analyzeduration', '500000', '-i', sdp, '-c', 'copy', '-frames:a', String(CHECKED_FRAMES), '-f', 'framemd5', '-');
  await until(() => isBound(port), 'ffmpeg listens');
  const socket = await openSocket();
  const units = frames.map(({ data, key }, index) => ({ data, key, timestamp: 1024 * index }));
  for (const [sequenceNumber, { payload, timestamp, marker }] of sendUnits(latmPacketiser({ ...LATM, codecConfig }), units).entries()) {
    socket.send(encodeRtp({ payloadType: 96, sequenceNumber, timestamp, ssrc: 1, marker, payload }), port, '127.0.0.1');
    await pause(5);
  }
  socket.close();
  t.deepEqual(sumsIn(await player), frames.slice(0, CHECKED_FRAMES).map(({ data }) => md5(data)));
});

real('packets of MP4A-LATM that ffmpeg sends become the frames that it sent', async (t) => {
  const { track, frames } = await clipOf(AAC_PEER);
  const socket = await openSocket();
  const got: string[] = [];
  const depacketiser = new LatmDepacketiser({ ...LATM, muxConfig: encodeStreamMuxConfig(track.codecConfig!) }, ({ data }) => void got.push(md5(data)));
  socket.on('message', (rtp) => {
    const { payload, timestamp, marker } = parseRtp(rtp);
    depacketiser.push(payload, timestamp, marker, false);
  });
  await ffmpeg('-readrate', '4', '-i', pathOf(AAC_PEER), '-c', 'copy', '-f', 'rtp', '-rtpflags', 'latm', `rtp://127.0.0.1:${socket.address().port}?pkt_size=1200`);
  await until(() => got.length >= frames.length - 4, 'frames');
  socket.close();
  t.deepEqual(got, frames.slice(0, got.length).map(({ data }) => md5(data)));
});
