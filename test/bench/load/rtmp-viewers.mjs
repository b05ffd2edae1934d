/**
 * Load generator in a process of its own: N RTMP players of one stream that count what they get.
 *
 *   node rtmp-viewers.mjs PORT STREAM COUNT RAMP_MS MEASURE_MS
 *
 * Prints one JSON line: bytes per viewer within the measured time and the longest silence that any viewer saw.
 */
import { connect } from 'node:net';

const [port, stream, count, rampMs, measureMs] = process.argv.slice(2).map((word, index) => (index === 1 ? word : Number(word)));
const HANDSHAKE_BYTES = 1536;
const CHUNK_BYTES = 128;

const string = (text) => Buffer.concat([Buffer.from([2, text.length >> 8, text.length & 255]), Buffer.from(text)]);
const number = (value) => {
  const bytes = Buffer.alloc(9);
  bytes.writeDoubleBE(value, 1);
  return bytes;
};
const property = (name, value) => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), value]);
const NULL = Buffer.from([5]);

/** An AMF0 command as a fmt 0 chunk, split by the default chunk size. */
function command(streamId, ...values) {
  const payload = Buffer.concat(values);
  const header = Buffer.from([3, 0, 0, 0, payload.length >> 16, (payload.length >> 8) & 255, payload.length & 255, 20, streamId, 0, 0, 0]);
  const parts = [header];
  for (let at = 0; at < payload.length; at += CHUNK_BYTES) {
    if (at > 0) parts.push(Buffer.from([0xc3]));
    parts.push(payload.subarray(at, at + CHUNK_BYTES));
  }
  return Buffer.concat(parts);
}

const OPENING = Buffer.concat([
  command(0, string('connect'), number(1), Buffer.from([3]), property('app', string('live')), property('tcUrl', string(`rtmp://127.0.0.1:${port}/live`)), Buffer.from([0, 0, 9])),
  command(0, string('createStream'), number(2), NULL),
  command(1, string('play'), number(3), NULL, string(stream)),
]);

let measuring = false;
let longestSilenceMs = 0;
const viewers = [];

function open() {
  const viewer = { bytes: 0, lastMs: 0, closed: false };
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let handshake = 0;
  socket.on('connect', () => socket.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(HANDSHAKE_BYTES)])));
  socket.on('data', (chunk) => {
    if (handshake < 1 + 2 * HANDSHAKE_BYTES) {
      handshake += chunk.length;
      if (handshake >= 1 + 2 * HANDSHAKE_BYTES) socket.write(Buffer.concat([Buffer.alloc(HANDSHAKE_BYTES), OPENING]));
      return;
    }
    if (!measuring) return;
    const now = performance.now();
    longestSilenceMs = Math.max(longestSilenceMs, now - viewer.lastMs);
    viewer.lastMs = now;
    viewer.bytes += chunk.length;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    viewer.closed = true;
  });
  viewers.push(viewer);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const batch = Math.max(1, Math.ceil(count / (rampMs / 20)));
while (viewers.length < count) {
  for (let index = 0; index < batch && viewers.length < count; index++) open();
  await sleep(20);
}
// Both servers are measured warm: compiled, their windows and buffers settled.
await sleep(8000);
process.stdout.write('ready\n');
const startMs = performance.now();
for (const viewer of viewers) viewer.lastMs = startMs;
measuring = true;
await sleep(measureMs);
measuring = false;
const endMs = performance.now();
// A viewer that got nothing at all was silent for the whole time.
for (const viewer of viewers) longestSilenceMs = Math.max(longestSilenceMs, endMs - viewer.lastMs);
const bytes = viewers.map((viewer) => viewer.bytes);
const total = bytes.reduce((sum, value) => sum + value, 0);
process.stdout.write(
  `${JSON.stringify({ totalBytes: total, leastBytes: Math.min(...bytes), mostBytes: Math.max(...bytes), longestSilenceMs, lost: viewers.filter((viewer) => viewer.closed).length, seconds: (endMs - startMs) / 1000 })}\n`,
);
process.exit(0);
