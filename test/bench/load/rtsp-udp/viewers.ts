import { setTimeout as sleep } from 'node:timers/promises';
import { TestRtspClient } from '../../../support/rtsp-client.ts';
import { answerCommands } from '../load-child.ts';
import { Sequences } from '../sequences.ts';
import { UdpSockets } from '../udp-sockets.ts';
import type { Burst, ViewersCommand, ViewersReport } from './messages.ts';

const HOST = '127.0.0.1';
const TRACKS = [0, 1];

/** One track of one viewer. */
interface Line {
  readonly track: number;
  numbers: Sequences;
  bytes: number;
}

interface Viewer {
  readonly client: TestRtspClient;
  readonly lines: readonly Line[];
}

const sockets = new UdpSockets();
const viewers: Viewer[] = [];
/** Nothing of a reader's RTCP is measured: one port takes it for all. */
const rtcp = sockets.listen(HOST, () => undefined);
let startMs = 0;
/** What the first viewer gets, while it is measured. */
let bursts: { readonly atMs: number; readonly track: number; readonly timestamp: number; readonly packets: Uint8Array[] }[] | undefined;
sockets.start();

function take(line: Line, memory: Buffer, at: number, length: number, nowMs: number): void {
  line.numbers.take(memory.readUInt16BE(at + 2));
  line.bytes += length;
  if (bursts === undefined || line !== viewers[0]?.lines[line.track]) return;
  const timestamp = memory.readUInt32BE(at + 4);
  const packet = new Uint8Array(memory.subarray(at, at + length));
  const open = bursts.at(-1);
  if (open?.track === line.track && open.timestamp === timestamp) open.packets.push(packet);
  else bursts.push({ atMs: nowMs - startMs, track: line.track, timestamp, packets: [packet] });
}

async function join(port: number, stream: string): Promise<readonly number[]> {
  const client = new TestRtspClient(port, stream);
  const lines = TRACKS.map((track) => ({ track, numbers: new Sequences(), bytes: 0 }));
  const inboxes = lines.map((line) => sockets.listen(HOST, (memory, at, length, nowMs) => take(line, memory, at, length, nowMs)));
  viewers.push({ client, lines });
  const must = async (method: string, uri?: string, transport?: string): Promise<void> => {
    const { status } = await client.ask(method, uri, transport === undefined ? [] : [['Transport', transport]]);
    if (status !== 200) throw new Error(`${method}: ${status}`);
  };
  await must('DESCRIBE');
  for (const [track, inbox] of inboxes.entries()) await must('SETUP', `${client.base}/trackID=${track}`, `RTP/AVP;unicast;client_port=${inbox.port}-${rtcp.port}`);
  await must('PLAY');
  return inboxes.map((inbox) => inbox.port);
}

async function measure(durationMs: number): Promise<ViewersReport> {
  const lines = viewers.flatMap((viewer) => viewer.lines);
  for (const line of lines) Object.assign(line, { numbers: new Sequences(), bytes: 0 });
  const found: typeof bursts = (bursts = []);
  startMs = performance.now();
  await sleep(durationMs);
  bursts = undefined;
  const packetsOf = (of: readonly Line[]): number => of.reduce((sum, { numbers }) => sum + numbers.received, 0);
  return {
    seconds: (performance.now() - startMs) / 1000,
    packets: packetsOf(lines),
    bytes: lines.reduce((sum, { bytes }) => sum + bytes, 0),
    lost: lines.reduce((sum, { numbers }) => sum + Math.max(0, numbers.expected - numbers.received), 0),
    leastPackets: Math.min(...viewers.map((viewer) => packetsOf(viewer.lines))),
    closed: viewers.filter(({ client }) => client.closed).length,
    bursts: found.map(({ atMs, track, packets }): Burst => ({ atMs, track, packets })),
  };
}

answerCommands(async (command: ViewersCommand) => {
  if (command.type === 'measure') return measure(command.durationMs);
  const ports: (readonly number[])[] = [];
  while (ports.length < command.viewers) {
    ports.push(await join(command.port, command.stream));
    await sleep(command.paceMs);
  }
  return TRACKS.map((track) => ports.map((pair) => pair[track]));
});
