/**
 * Load of WebRTC peers in a process of its own: takes commands (`messages.ts`) as JSON lines and answers each by one.
 *
 *   node webrtc-load.mjs MEDIA_FOLDER
 */
import { createInterface } from 'node:readline';
import type { RTCCertificate } from 'werift';
import { loadRtpClip } from '../../../support/webrtc/rtp-clip.ts';
import { makeCertificate } from '../../../support/webrtc/transport.ts';
import { spreadOf, type JoinReport, type LoadAnswers, type LoadCommand, type MeasureReport } from './messages.ts';
import { Publisher } from './publisher.ts';
import { SentPackets } from './sent-packets.ts';
import { UdpSockets } from '../udp-sockets.ts';
import { Viewer } from './viewer.ts';

const JOIN_TIMEOUT_MS = 20_000;
const FAILURES_TOLD = 3;
/** Handshakes at once of viewers that come in turn: a slow machine makes them come slower, not fail. */
const HANDSHAKES_MAX = 8;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Load {
  readonly #sockets = new UdpSockets();
  readonly #sent = new SentPackets();
  readonly #clip = loadRtpClip(process.argv[2] ?? '.');
  #certificate: Promise<RTCCertificate> | undefined;
  #publishers: Publisher[] = [];
  #viewers: Viewer[] = [];

  constructor() {
    this.#sockets.start();
  }

  run(command: LoadCommand): Promise<LoadAnswers[LoadCommand['type']]> {
    switch (command.type) {
      case 'publish':
        return this.#publish(command.urls);
      case 'unpublish':
        for (const publisher of this.#publishers.splice(0)) publisher.stop();
        return Promise.resolve({});
      case 'pause':
        for (const publisher of this.#publishers) publisher.isPaused = command.isPaused;
        return Promise.resolve({});
      case 'join':
        return this.#join(command);
      case 'measure':
        return this.#measure(command.durationMs);
      case 'leave':
        return this.#leave(command.by);
    }
  }

  #credentials(): Promise<RTCCertificate> {
    return (this.#certificate ??= makeCertificate());
  }

  async #publish(urls: readonly string[]): Promise<LoadAnswers['publish']> {
    const certificate = await this.#credentials();
    const failures: string[] = [];
    for (const [index, url] of urls.entries()) {
      const publisher = new Publisher(this.#clip, index === 0 ? this.#sent : undefined);
      try {
        await publisher.start({ sockets: this.#sockets, certificate, url }, JOIN_TIMEOUT_MS);
        this.#publishers.push(publisher);
      } catch (error) {
        failures.push(String(error));
      }
    }
    return { published: urls.length - failures.length, failures: failures.slice(0, FAILURES_TOLD) };
  }

  async #join({ url, viewers: count, paceMs, sampled, pictureTimeoutMs }: Extract<LoadCommand, { type: 'join' }>): Promise<JoinReport> {
    const certificate = await this.#credentials();
    const failures: string[] = [];
    const opening = new Set<Promise<void>>();
    const viewers: Viewer[] = [];
    for (let index = 0; index < count; index++) {
      const viewer = new Viewer(index < sampled ? this.#sent : undefined);
      viewers.push(viewer);
      const joined = viewer.join({ sockets: this.#sockets, certificate, url }, JOIN_TIMEOUT_MS);
      const settled = joined.catch((error: unknown) => void failures.push(String(error))).finally(() => void opening.delete(settled));
      opening.add(settled);
      if (paceMs > 0) await sleep(paceMs);
      if (paceMs > 0 && opening.size >= HANDSHAKES_MAX) await Promise.race(opening);
    }
    await Promise.all(opening);
    const deadlineMs = performance.now() + pictureTimeoutMs;
    const joined = viewers.filter(({ joinMs }) => joinMs !== undefined);
    while (joined.some(({ firstPictureMs }) => firstPictureMs === undefined) && performance.now() < deadlineMs) await sleep(20);
    this.#viewers.push(...joined);
    const known = (values: readonly (number | undefined)[]): number[] => values.filter((value) => value !== undefined);
    const pictures = known(joined.map(({ firstPictureMs }) => firstPictureMs));
    return {
      joined: joined.length,
      withPicture: pictures.length,
      failures: failures.slice(0, FAILURES_TOLD),
      joinMs: spreadOf(known(joined.map(({ joinMs }) => joinMs))),
      firstPictureMs: spreadOf(pictures),
      profiles: [...new Set(joined.map(({ profile }) => profile))],
    };
  }

  async #measure(durationMs: number): Promise<MeasureReport> {
    this.#sent.takeDelays();
    const publishedBefore = this.#publishedPackets();
    const startMs = performance.now();
    for (const viewer of this.#viewers) viewer.mark(startMs);
    await sleep(durationMs);
    const endMs = performance.now();
    const reports = this.#viewers.map((viewer) => viewer.measured(endMs));
    const delays = this.#sent.takeDelays();
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    return {
      seconds: (endMs - startMs) / 1000,
      viewers: reports.length,
      packets: sum(reports.map(({ packets }) => packets)),
      bytes: sum(reports.map(({ bytes }) => bytes)),
      lost: sum(reports.map(({ lost }) => lost)),
      forged: sum(this.#viewers.map(({ forged }) => forged)),
      leastPackets: Math.min(...reports.map(({ packets }) => packets)),
      longestSilenceMs: spreadOf(reports.map(({ longestSilenceMs }) => longestSilenceMs)),
      delayMs: spreadOf(delays),
      delays: delays.length,
      published: this.#publishedPackets() - publishedBefore,
      keyFramesAsked: sum(this.#publishers.map(({ keyFramesAsked }) => keyFramesAsked)),
    };
  }

  #publishedPackets(): number {
    return this.#publishers.reduce((total, { packets }) => total + packets, 0);
  }

  async #leave(by: 'alert' | 'delete'): Promise<LoadAnswers['leave']> {
    const viewers = this.#viewers.splice(0);
    if (by === 'alert') for (const viewer of viewers) viewer.leave();
    const statuses = by === 'alert' ? [] : await Promise.all(viewers.map((viewer) => viewer.end()));
    return { left: viewers.length, refused: statuses.filter((status) => status >= 300).length };
  }
}

const load = new Load();
const answer = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    load.run(JSON.parse(line) as LoadCommand).then(answer, (error: unknown) => answer({ error: String(error) }));
  })
  .on('close', () => process.exit(0));
