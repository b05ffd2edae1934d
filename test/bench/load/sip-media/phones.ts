import { createSocket, type RemoteInfo } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSipMessage } from '../../../../plugins/sip/engine/wire/parse-message.ts';
import type { SipRequest } from '../../../../plugins/sip/engine/wire/sip-message.ts';
import { sipText } from '../../../support/sip/raw-client.ts';
import { answerCommands } from '../load-child.ts';
import { Sequences } from '../sequences.ts';
import { UdpSockets, type LoadSocket } from '../udp-sockets.ts';
import type { PhonesCommand, PhonesReport } from './messages.ts';

const HOST = '127.0.0.1';
const PACKET_MS = 20;
const SEND_EVERY_MS = 2;
const RTP_HEADER_BYTES = 12;
/** 20 ms of G.711. */
const SOUND_BYTES = 160;

/** One answered call. Its sound says which packet of the phone it is. */
interface Phone {
  readonly socket: LoadSocket;
  readonly packet: Buffer;
  count: number;
  dueMs: number;
  heard: Sequences;
}

const sockets = new UdpSockets();
const phones = new Map<string, Phone>();
const signalling = createSocket('udp4');
let talking = false;
let sent = 0;
sockets.start();

function newPhone(port: number): Phone {
  const packet = Buffer.alloc(RTP_HEADER_BYTES + SOUND_BYTES, 0xff);
  packet.set([0x80, 0]);
  packet.writeUInt32BE(port, 8);
  const phone: Phone = { socket: sockets.open(HOST, port, (memory, at) => void phone.heard.take(memory.readUInt16BE(at + RTP_HEADER_BYTES))), packet, count: 0, dueMs: 0, heard: new Sequences() };
  return phone;
}

function say(phone: Phone): void {
  const { packet, count } = phone;
  packet.writeUInt16BE(count & 0xffff, 2);
  packet.writeUInt32BE((count * SOUND_BYTES) >>> 0, 4);
  packet.writeUInt16BE(count & 0xffff, RTP_HEADER_BYTES);
  phone.count++;
  phone.socket.send(packet);
  sent++;
}

/** Each phone has a moment of its own within the 20 ms. */
function talk(): void {
  if (!talking) return;
  const nowMs = performance.now();
  for (const phone of phones.values()) {
    for (; phone.dueMs <= nowMs; phone.dueMs += PACKET_MS) say(phone);
  }
  setTimeout(talk, SEND_EVERY_MS);
}

function answer(request: SipRequest, from: RemoteInfo): void {
  const { headers, method } = request;
  const id = headers.get('Call-ID') ?? '';
  if (method === 'ACK') return;
  const { port } = signalling.address();
  let body = '';
  if (method === 'INVITE') {
    const known = phones.get(id) ?? newPhone(Number(/^m=audio (\d+)/m.exec(Buffer.from(request.body).toString())?.[1]));
    phones.set(id, known);
    body = ['v=0', `o=- 1 1 IN IP4 ${HOST}`, 's=-', `c=IN IP4 ${HOST}`, 't=0 0', `m=audio ${known.socket.port} RTP/AVP 0`, ''].join('\r\n');
  } else if (method === 'BYE') {
    phones.get(id)?.socket.close();
    phones.delete(id);
  }
  const same = ['Via', 'From', 'Call-ID', 'CSeq'].map((name) => `${name}: ${headers.get(name) ?? ''}`);
  const to = headers.get('To') ?? '';
  const lines = ['SIP/2.0 200 OK', ...same, `To: ${to.includes(';tag=') ? to : `${to};tag=phone`}`, `Contact: <sip:phone@${HOST}:${port}>`, ...(body === '' ? [] : ['Content-Type: application/sdp'])];
  signalling.send(sipText(lines, body), from.port, from.address);
}

signalling.on('message', (datagram, from) => {
  const { message } = parseSipMessage(datagram);
  if (message.type === 'request') answer(message, from);
});

async function measure(durationMs: number): Promise<PhonesReport> {
  for (const phone of phones.values()) phone.heard = new Sequences();
  sent = 0;
  const startMs = performance.now();
  await sleep(durationMs);
  const all = [...phones.values()];
  return {
    seconds: (performance.now() - startMs) / 1000,
    phones: all.length,
    sent,
    received: all.reduce((sum, { heard }) => sum + heard.received, 0),
    lost: all.reduce((sum, { heard }) => sum + Math.max(0, heard.expected - heard.received), 0),
    leastReceived: Math.min(...all.map(({ heard }) => heard.received)),
  };
}

answerCommands(async (command: PhonesCommand) => {
  if (command.type === 'measure') return measure(command.durationMs);
  if (command.type === 'talk') {
    talking = command.on;
    const startMs = performance.now();
    for (const [index, phone] of [...phones.values()].entries()) phone.dueMs = startMs + (index * PACKET_MS) / phones.size;
    talk();
    return true;
  }
  await new Promise<void>((resolve) => signalling.bind(0, HOST, resolve));
  return signalling.address().port;
});
