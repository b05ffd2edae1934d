import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../test-kernel.ts';
import { fromMuLaw, toMuLaw } from '../tones.ts';
import { until } from '../until.ts';

const RATE_HZ = 8000;
const FRAME_SAMPLES = 160;
const FRAME_MS = 20;
const TRACK: TrackDescriptor = { id: 'audio', kind: 'audio', codec: 'pcmu', clockRateHz: RATE_HZ, revision: 0, sampleRateHz: RATE_HZ, channels: 1 };

/** Entry file of the plugin. */
export const sipEntry = join(checkout, 'plugins', 'sip', 'sip.plugin.ts');

/** A server that telephones. */
export interface CallServer {
  readonly kernel: TestKernel;
  readonly port: number;
  call<T>(operation: string, input?: unknown): Promise<T>;
  /** The status of a call, or undefined when it is over. */
  statusOf(callId: string): Promise<string | undefined>;
  /** Publishes a tone in G.711, or several at once, until the test ends. */
  publishTone(name: string, frequencyHz: number | readonly number[], amplitude?: number): void;
  /** The next samples of a stream in G.711. */
  hear(name: string, ms: number): Promise<Int16Array>;
}

/** Starts it with the sip plugin, and others by name; it stops with the test. @param config further sections of wcs.yml */
export async function startCallServer(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}, others: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {}, path = dirname(sipEntry), config: Readonly<Record<string, unknown>> = {}): Promise<CallServer> {
  const [port = 0] = await freePorts(1);
  const kernel = await startTestKernel({ config, plugins: { sip: { enabled: true, path, engine: { port }, drainMs: 1000, ...settings }, ...others } });
  t.teardown(async () => {
    await kernel.stop();
    if (!t.passed) t.log(kernel.logLines.slice(-30).join(''));
  });
  const slot = kernel.kernel.host.slot('sip');
  if (slot.state !== 'active') throw new Error(slot.error?.message ?? slot.state);
  return {
    kernel,
    port,
    call: async <T>(operation: string, input: unknown = {}) => (await kernel.call(operation, input)) as T,
    statusOf: async (callId) => ((await kernel.call('call.find', { callId }).catch(() => [])) as { status: string }[])[0]?.status,
    publishTone: (name, frequencyHz, amplitude = 8000) => publishTone(t, kernel, name, frequencyHz, amplitude),
    hear: (name, ms) => hearStream(kernel, name, ms),
  };
}

function publishTone(t: ExecutionContext, { kernel }: TestKernel, name: string, frequencyHz: number | readonly number[], amplitude: number): void {
  const angles = [frequencyHz].flat().map((hz) => (2 * Math.PI * hz) / RATE_HZ);
  const publication = kernel.parts.media.publish({ name, owner: name, tracks: [TRACK], meta: { plugin: 'test', protocol: 'test', sessionId: name, params: {} } });
  const beganMs = performance.now();
  let frames = 0;
  const timer = setInterval(() => {
    for (; frames * FRAME_MS <= performance.now() - beganMs; frames++) {
      const data = Uint8Array.from({ length: FRAME_SAMPLES }, (_unused, index) => toMuLaw(Math.round(amplitude * angles.reduce((sum, angle) => sum + Math.sin(angle * (frames * FRAME_SAMPLES + index)), 0))));
      const timeUs = frames * FRAME_MS * 1000;
      publication.write({ track: TRACK, ptsUs: timeUs, dtsUs: timeUs, key: true, data, receivedAtMs: performance.now() });
    }
  }, FRAME_MS / 2);
  t.teardown(() => clearInterval(timer));
}

/** The next samples of a stream in G.711. */
export async function hearStream({ kernel }: TestKernel, name: string, ms: number): Promise<Int16Array> {
  const stream = await until(() => kernel.parts.media.find(name), `stream ${name}`);
  const samples: number[] = [];
  const subscription = stream.subscribe({
    plane: 'frames',
    from: 'live',
    label: 'ear',
    accept: [{ kind: 'audio', codecs: ['pcmu'] }],
    sink: { onTracks: () => undefined, onFrame: ({ data }) => void samples.push(...[...data].map(fromMuLaw)), onEnd: () => undefined },
  });
  const wanted = (ms * RATE_HZ) / 1000;
  await until(() => samples.length >= wanted, `${ms} ms of ${name}`);
  subscription.close();
  return Int16Array.from(samples.slice(0, wanted));
}
