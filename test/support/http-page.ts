import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { openBrowser } from './test-browser.ts';
import { freePorts, startTestKernel, type TestKernel } from './test-kernel.ts';

/** A kernel with the HTTP plugin, and a browser's page to open its pages in. */
export interface HttpPage {
  readonly server: TestKernel;
  readonly base: string;
  /** Port of HTTPS; 0 without. */
  readonly tlsPort: number;
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained of: scripts that failed, resources that a policy refused. */
  readonly complaints: string[];
}

/** Settings of the server and of the browser. */
export interface HttpPageOptions {
  readonly hlsPort?: number;
  readonly tls?: boolean;
  /** Settings of further plugins. */
  readonly plugins?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
  readonly flags?: readonly string[];
}

/** Starts both; `teardown` gets what ends them. */
export async function openHttpPage(teardown: (work: () => Promise<void>) => void, options: HttpPageOptions = {}): Promise<HttpPage> {
  const { hlsPort = 1, tls = false, plugins = {}, ...browserOptions } = options;
  const [port = 0, tlsPort = 0] = await freePorts(tls ? 2 : 1);
  const server = await startTestKernel({ plugins: { http: { port, tlsPort: tls ? tlsPort : 'off', hlsPort }, ...plugins } });
  teardown(() => server.stop());
  const browser = await openBrowser(browserOptions);
  teardown(() => browser.close());
  const page = await browser.context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/Content Security Policy|Refused/.test(message.text())) complaints.push(message.text());
  });
  return { server, base: `http://127.0.0.1:${port}`, tlsPort, context: browser.context, page, complaints };
}

/** Screenshots go to the folder that `WCS_SCREENSHOTS` names, for a person to look at. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['WCS_SCREENSHOTS'];
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** An HLS server that answers every playlist with `status.code`. */
export async function fakeHls(code: number): Promise<{ server: Server; port: number; status: { code: number }; asked: string[] }> {
  const status = { code };
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(status.code, { 'Access-Control-Allow-Origin': '*' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, status, asked };
}
