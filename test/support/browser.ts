import { chromium, type Browser, type BrowserContext } from 'playwright-core';

/** No look-ups and no background traffic: pages are served on loopback, and nothing else is asked for. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Running browsers by their own flags. */
const browsers = new Map<string, Promise<Browser>>();

/** A browser for one test, as far as pages can tell: nothing of another is in it. */
export interface TestBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** Opens a context in headless Chromium, which starts once for all contexts with the same flags. `CHROMIUM` names another executable. */
export async function openBrowser(options: { readonly colorScheme?: 'light' | 'dark'; readonly width?: number; readonly height?: number; readonly ignoreCertificateErrors?: boolean; readonly flags?: readonly string[] } = {}): Promise<TestBrowser> {
  const { colorScheme = 'light', width = 1280, height = 900, ignoreCertificateErrors = false, flags = [] } = options;
  const browser = await browserWith([...FLAGS, ...flags, ...(ignoreCertificateErrors ? ['--ignore-certificate-errors'] : [])]);
  const context = await browser.newContext({ colorScheme, viewport: { width, height } });
  return { context, close: () => context.close() };
}

/** Ends every browser of this process. */
export async function closeBrowsers(): Promise<void> {
  const running = [...browsers.values()];
  browsers.clear();
  await Promise.all(running.map(async (browser) => (await browser).close()));
}

function browserWith(args: string[]): Promise<Browser> {
  const key = args.join(' ');
  const running = browsers.get(key);
  if (running !== undefined) return running;
  const started = chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', headless: true, args });
  browsers.set(key, started);
  return started;
}
