import { setTimeout as sleep } from 'node:timers/promises';
import { createFanoutEngine } from '../../../../core/rtp/fanout/create.ts';
import type { FanoutGroup } from '../../../../core/rtp/fanout/engine.ts';
import { openRtpSocket } from '../../../support/rtp-loopback.ts';
import { answerCommands } from '../load-child.ts';
import type { Burst, EngineCommand, EngineReport } from './messages.ts';

const engine = createFanoutEngine({ tier: 'ffi', log: { info: () => undefined } });
const { socket } = await openRtpSocket(engine);
const sequences: number[] = [];

/** Sends each burst at its time; what waking up for it costs is part of it, as in a server. */
async function play(groups: readonly FanoutGroup[], bursts: readonly Burst[]): Promise<EngineReport> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  let packets = 0;
  for (const { atMs, track, packets: rtps } of bursts) {
    const waitMs = startMs + atMs - performance.now();
    if (waitMs >= 1) await sleep(waitMs);
    const first = sequences[track] ?? 0;
    sequences[track] = first + rtps.length;
    const group = groups[track];
    group?.send(rtps.map((rtp, index) => ({ rtp, sequence: first + index })));
    packets += rtps.length * (group?.size ?? 0);
  }
  const { user, system } = process.cpuUsage(before);
  return { packets, cpuMs: (user + system) / 1000 };
}

answerCommands(async ({ ports, bursts, warmUpMs }: EngineCommand) => {
  const groups = ports.map((list, track) => {
    const group = engine.openGroup();
    for (const [at, port] of list.entries()) {
      const sender = engine.openSender({ destination: { type: 'udp', socket, address: '127.0.0.1', port } });
      group.add(sender, { ssrc: 1000 * (track + 1) + at, payloadType: 96 + track, sequenceOffset: 0 });
    }
    return group;
  });
  await play(groups, bursts.filter(({ atMs }) => atMs < warmUpMs));
  return play(groups, bursts);
});
