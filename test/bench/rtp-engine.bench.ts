import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createFanoutEngine } from '../../core/rtp/fanout/create.ts';
import type { DatagramSocket, FanoutEngine, FanoutGroup, FanoutPacket } from '../../core/rtp/fanout/engine.ts';
import { FfiEngine } from '../../core/rtp/fanout/ffi.ts';
import { loadNativeLibrary } from '../../core/rtp/fanout/native-library.ts';
import type { SrtpProfile } from '../../core/rtp/srtp/keys.ts';
import { openRtpSocket } from '../support/rtp-loopback.ts';
import { rtpPacket, srtpKeys } from '../support/srtp.ts';
import type { BenchResult } from './bench.ts';

const VIEWERS = 150;
/** A picture of 30 a second at 2 Mb/s. */
const FRAME_PACKETS = 7;
const PACKET_BYTES = 1200;
const ROUNDS = 5;
/** Frames of one measurement; node:crypto takes ten times as long for one. */
const FRAMES = { pure: 20, ffi: 150 } as const;

/** A process that reads what it gets on one port a viewer, and prints the ports. */
const SINK = `
  const { createSocket } = require('node:dgram');
  const sockets = Array.from({ length: ${VIEWERS} }, () => createSocket('udp4').on('message', () => {}));
  let bound = 0;
  for (const socket of sockets) socket.bind(0, '127.0.0.1', () => ++bound === sockets.length && console.log(JSON.stringify(sockets.map((each) => each.address().port))));
`;

interface Way {
  readonly what: string;
  readonly engine: FanoutEngine;
  readonly group: FanoutGroup;
  readonly frames: number;
  /** Row that this one's ratio is against. */
  readonly baseline: string;
  readonly ns: number[];
  sequence: number;
}

async function openSink(): Promise<{ readonly process: ChildProcess; readonly ports: readonly number[] }> {
  const process_ = spawn(process.execPath, ['-e', SINK], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(process_.stdout, 'data')) as [Buffer];
  return { process: process_, ports: JSON.parse(line.toString()) as number[] };
}

function open(engine: FanoutEngine, socket: DatagramSocket, ports: readonly number[], profile: SrtpProfile | undefined, what: string, baseline: string): Way {
  const group = engine.openGroup();
  for (const [at, port] of ports.entries()) {
    const sender = engine.openSender({ destination: { type: 'udp', socket, address: '127.0.0.1', port }, keys: profile === undefined ? undefined : srtpKeys(profile, at) });
    group.add(sender, { ssrc: 1000 + at, payloadType: 96, sequenceOffset: 0 });
  }
  return { what, engine, group, frames: FRAMES[engine.tier], baseline, ns: [], sequence: 0 };
}

function measure(way: Way): void {
  const before = process.cpuUsage();
  for (let frame = 0; frame < way.frames; frame++) {
    const burst: FanoutPacket[] = [];
    for (let at = 0; at < FRAME_PACKETS; at++) burst.push({ rtp: PACKETS[at] ?? new Uint8Array(), sequence: way.sequence++ });
    way.group.send(burst);
  }
  const { user, system } = process.cpuUsage(before);
  way.ns.push(((user + system) * 1000) / (way.frames * FRAME_PACKETS * VIEWERS));
}

const PACKETS = Array.from({ length: FRAME_PACKETS }, (_, at) => rtpPacket(at, new Uint8Array(PACKET_BYTES - 12).fill(at)));

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

export default {
  name: 'rtp-engine',
  async run(): Promise<BenchResult> {
    const log = { info: () => undefined };
    const sink = await openSink();
    const pure = createFanoutEngine({ tier: 'pure', log });
    const ffi = createFanoutEngine({ tier: 'ffi', log });
    const single = new FfiEngine(loadNativeLibrary(), false);
    const [dgram, native] = [await openRtpSocket(pure), await openRtpSocket(ffi)];
    const gcm = 'AEAD_AES_128_GCM';
    const cm = 'AES_CM_128_HMAC_SHA1_80';
    const ways = [
      open(pure, dgram.socket, sink.ports, gcm, 'a: pure, GCM', 'a: pure, GCM'),
      open(ffi, native.socket, sink.ports, gcm, 'ffi, GCM, against a', 'a: pure, GCM'),
      open(single, native.socket, sink.ports, gcm, 'ffi, GCM, without segmentation offload, against a', 'a: pure, GCM'),
      open(pure, dgram.socket, sink.ports, cm, 'b: pure, CM', 'b: pure, CM'),
      open(ffi, native.socket, sink.ports, cm, 'ffi, CM, against b', 'b: pure, CM'),
      open(ffi, native.socket, sink.ports, undefined, 'ffi, plain RTP, against a', 'a: pure, GCM'),
    ];
    // The first round warms up; interleaved, so that a slow moment of the machine hits every way.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const way of ways) {
        measure(way);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    const nsOf = (what: string): number => median(ways.find((way) => way.what === what)?.ns.slice(1) ?? []);
    const rows = ways.map(({ what, baseline }) => ({ what, value: nsOf(what), unit: 'ns CPU per packet and viewer', ratio: nsOf(what) / nsOf(baseline) }));
    sink.process.kill();
    return { title: `${PACKET_BYTES}-byte packets to ${VIEWERS} viewers on loopback, ${FRAME_PACKETS} a frame`, rows };
  },
};
