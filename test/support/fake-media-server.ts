import type { BrowserContext, Page } from 'playwright-core';
import type { WebAnswer, WebRequest } from '../../core/web/web-routes.ts';
import mediaServer from './pages/media-server.client.js';
import type { TestKernel } from './test-kernel.ts';

/** Flags with which browsers of one machine reach each other, with a camera and a microphone that need no devices. */
export const WEBRTC_FLAGS = [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
];

/** A WHIP and WHEP server whose media come from another page of the browser, so that pages can be tested without the plugin. */
export class FakeMediaServer {
  readonly requests: WebRequest[] = [];
  /** Answered instead of the media, where it is set. */
  refusal: (() => WebAnswer | Promise<WebAnswer>) | undefined;
  kinds: readonly string[] = ['video', 'audio'];
  headers: Readonly<Record<string, string>> = {};
  /** Answers nothing until it is released. */
  silent = false;
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
  }

  static async start({ kernel }: TestKernel, context: BrowserContext): Promise<FakeMediaServer> {
    const page = await context.newPage();
    await page.addScriptTag({ content: mediaServer });
    const own = new FakeMediaServer(page);
    for (const prefix of ['/whip/', '/whep/']) {
      kernel.parts.web.register({ prefix, methods: ['OPTIONS', 'POST', 'DELETE'], handle: (request) => own.#answer(request) });
    }
    return own;
  }

  /** Requests of one method, as `METHOD path`. */
  asked(method: string): string[] {
    return this.requests.filter((request) => request.method === method).map(({ path }) => path);
  }

  hangUp(): Promise<void> {
    return this.#page.evaluate('hangUp()');
  }

  framesReceived(): Promise<number> {
    return this.#page.evaluate<number>('framesReceived()');
  }

  async #answer(request: WebRequest): Promise<WebAnswer> {
    this.requests.push(request);
    if (request.method !== 'POST') return { status: 200 };
    if (this.silent) await new Promise((resolve) => request.signal.addEventListener('abort', resolve, { once: true }));
    if (this.refusal !== undefined) return this.refusal();
    const sdp = await this.#page.evaluate<string>(`answerOffer(${JSON.stringify(request.body.toString())}, ${JSON.stringify(this.kinds)})`);
    return { status: 201, headers: { 'Content-Type': 'application/sdp', Location: `${request.path}/session-1`, ...this.headers }, body: sdp };
  }
}

/** A refusal as the WebRTC plugin words it. @see RFC 9457 */
export function problem(status: number, detail: string, code?: string): WebAnswer {
  return { status, headers: { 'Content-Type': 'application/problem+json' }, body: JSON.stringify({ type: 'about:blank', status, detail, ...(code === undefined ? {} : { code }) }) };
}
