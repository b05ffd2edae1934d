import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { openBrowser } from './test-browser.ts';
import peerHtml from './pages/peer.html';
import watchConnections from './pages/watch-connections.client.js';
import webSdkRoom from './pages/web-sdk-room.client.js';
import webSdk from './pages/web-sdk.client.js';
import whipWhep from './pages/whip-whep.client.js';
import { until } from './until.ts';

/** Fake camera and microphone, WebRTC over loopback, and no tab that sleeps because it is not in front. */
const FLAGS = [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];

/** What a page is made for. */
export type PageKind = 'whip-whep' | 'web-sdk' | 'web-sdk-room';

/** Video as `getStats` tells it; figures of the other direction are absent. */
export interface VideoStats {
  readonly codec?: string;
  readonly framesDecoded?: number;
  readonly framesDropped?: number;
  readonly keyFramesDecoded?: number;
  readonly freezeCount?: number;
  readonly totalFreezesDuration?: number;
  readonly packetsReceived?: number;
  readonly packetsLost?: number;
  readonly retransmittedPacketsReceived?: number;
  readonly nackCount?: number;
  readonly pliCount?: number;
  readonly framesEncoded?: number;
  readonly packetsSent?: number;
  readonly frameWidth?: number;
  readonly frameHeight?: number;
}

/** Audio as `getStats` tells it. */
export interface AudioStats {
  readonly codec?: string;
  readonly packetsReceived?: number;
  readonly packetsLost?: number;
  readonly packetsSent?: number;
  readonly totalAudioEnergy?: number;
}

/** A peer connection of a page. */
export interface ConnectionStats {
  readonly state: string;
  /** From the making of the connection. */
  readonly connectedMs?: number;
  readonly firstPictureMs?: number;
  readonly inVideo?: VideoStats;
  readonly inAudio?: AudioStats;
  readonly outVideo?: VideoStats;
  readonly outAudio?: AudioStats;
  readonly pair?: { readonly protocol: string; readonly remote: string; readonly local: string; readonly availableOutgoingBps?: number };
}

/** What a WHIP or WHEP server answered. */
export interface HttpOutcome {
  readonly status: number;
  readonly body: string;
}

/** A page of a browser that is a WebRTC peer. */
export class PeerPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Calls a function of the page, e.g. `whipWhep.play`, and waits for its promise. */
  call<T>(name: string, ...args: readonly unknown[]): Promise<T> {
    return this.page.evaluate(`${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`);
  }

  /** Reads a value of the page, e.g. `webSdk.log`. */
  read<T>(expression: string): Promise<T> {
    return this.page.evaluate(expression);
  }

  /** Statistics of connection number `index` among those that are not closed. */
  async stats(index = 0): Promise<ConnectionStats | undefined> {
    return (await this.call<ConnectionStats[]>('readConnections'))[index];
  }

  /** Waits until the page has decoded so many pictures and got sound, and gives the statistics. */
  playing(frames: number, { index = 0, timeoutMs = 60_000 } = {}): Promise<ConnectionStats> {
    return until(
      async () => {
        const stats = await this.stats(index);
        return (stats?.inVideo?.framesDecoded ?? 0) >= frames && (stats?.inAudio?.packetsReceived ?? 0) > 0 ? stats : undefined;
      },
      `${frames} pictures and sound`,
      timeoutMs,
    );
  }

  /** Waits until a line of a page's log matches, and gives it. */
  logged(pattern: RegExp, log = 'webSdk.log', timeoutMs = 60_000): Promise<string> {
    return until(async () => (await this.read<string[]>(log)).find((line) => pattern.test(line)), `${String(pattern)} in ${log}`, timeoutMs);
  }

  /** Each answer goes through `rewrite` before the page's connection gets it. To be called before the page connects. */
  async rewriteAnswers(rewrite: (sdp: string) => string): Promise<void> {
    await this.page.exposeFunction('rewriteAnswer', rewrite);
  }
}

/** Headless Chromium with a fake camera. */
export class PeerBrowser {
  readonly #origin: string;
  readonly #open: () => Promise<Page>;
  readonly #t: ExecutionContext;

  private constructor(t: ExecutionContext, origin: string, open: () => Promise<Page>) {
    this.#t = t;
    this.#origin = origin;
    this.#open = open;
  }

  /** Starts a browser that is closed when the test ends. */
  static async start(t: ExecutionContext): Promise<PeerBrowser> {
    const server = createServer((request, response) => {
      const script = scriptOf(request.url ?? '/');
      response.setHeader('Content-Type', script === undefined ? 'text/html; charset=utf-8' : 'text/javascript; charset=utf-8');
      response.end(script ?? peerHtml);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await openBrowser({ flags: FLAGS });
    t.teardown(async () => {
      await browser.close();
      server.close();
    });
    return new PeerBrowser(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => browser.context.newPage());
  }

  /** Opens a page with the code of one kind of peer. Errors of the page are noted in the test's log; the SDK can be initialised once only. */
  async open(kind: PageKind, sdkOptions: Readonly<Record<string, unknown>> = {}): Promise<PeerPage> {
    const page = await this.#open();
    page.on('pageerror', (error) => this.#t.log(`${kind}: ${error.message}`));
    await page.addInitScript(watchConnections);
    await page.goto(`${this.#origin}/`);
    for (const path of SCRIPTS[kind]) await page.addScriptTag({ url: `${this.#origin}${path}` });
    if (kind === 'web-sdk') await page.evaluate(`webSdk.init(${JSON.stringify(sdkOptions)})`);
    return new PeerPage(page);
  }
}

const SCRIPTS: Readonly<Record<PageKind, readonly string[]>> = {
  'whip-whep': ['/whip-whep.js'],
  'web-sdk': ['/sdk/flashphoner.js', '/web-sdk.js'],
  'web-sdk-room': ['/sdk/flashphoner-room-api-webrtc-only.js', '/web-sdk-room.js'],
};

const OWN: Readonly<Record<string, string>> = { '/whip-whep.js': whipWhep, '/web-sdk.js': webSdk, '/web-sdk-room.js': webSdkRoom };

/** Bundles of the SDK come as they are published. */
function scriptOf(path: string): string | undefined {
  if (!path.startsWith('/sdk/')) return OWN[path];
  return readFileSync(createRequire(import.meta.url).resolve(`@flashphoner/websdk/${path.slice('/sdk/'.length)}`), 'utf8');
}
