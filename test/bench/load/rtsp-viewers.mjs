/**
 * Load generator in a process of its own: N RTSP players of one stream that count what they get.
 *
 *   node rtsp-viewers.mjs PORT STREAM COUNT RAMP_MS MEASURE_MS
 *
 * Prints what rtmp-viewers.mjs prints. RTP goes over the connections.
 */
import { connect } from 'node:net';

const [port, stream, count, rampMs, measureMs] = process.argv.slice(2).map((word, index) => (index === 1 ? word : Number(word)));
const base = `rtsp://127.0.0.1:${port}/${stream}`;
const request = (cseq, method, uri, ...headers) => `${[`${method} ${uri} RTSP/1.0`, `CSeq: ${cseq}`, ...headers].join('\r\n')}\r\n\r\n`;

let measuring = false;
let longestSilenceMs = 0;
const viewers = [];

/** The requests one after the other; what follows the last answer is media. */
function open() {
  const viewer = { bytes: 0, lastMs: 0, closed: false };
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let step = 0;
  let session = '';
  const setUp = (track) => request(track + 2, 'SETUP', `${base}/trackID=${track}`, `Transport: RTP/AVP/TCP;unicast;interleaved=${2 * track}-${2 * track + 1}`, ...(session === '' ? [] : [`Session: ${session}`]));
  const steps = [() => request(1, 'DESCRIBE', base), () => setUp(0), () => setUp(1), () => request(4, 'PLAY', base, `Session: ${session}`)];
  socket.on('connect', () => socket.write(steps[step++]()));
  socket.on('data', (chunk) => {
    if (step < steps.length) {
      session ||= /Session: ([^;\r]+)/.exec(chunk.toString('latin1'))?.[1] ?? '';
      socket.write(steps[step++]());
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
await sleep(8000);
process.stdout.write('ready\n');
const startMs = performance.now();
for (const viewer of viewers) viewer.lastMs = startMs;
measuring = true;
await sleep(measureMs);
measuring = false;
const endMs = performance.now();
for (const viewer of viewers) longestSilenceMs = Math.max(longestSilenceMs, endMs - viewer.lastMs);
const bytes = viewers.map((viewer) => viewer.bytes);
const total = bytes.reduce((sum, value) => sum + value, 0);
process.stdout.write(`${JSON.stringify({ totalBytes: total, leastBytes: Math.min(...bytes), longestSilenceMs, lost: viewers.filter((viewer) => viewer.closed).length, seconds: (endMs - startMs) / 1000 })}\n`);
process.exit(0);
