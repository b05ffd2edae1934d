import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';

/** No look-ups and no background traffic: pages are served on loopback, and nothing else is asked for. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A browser for one test. */
export interface TestBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** Starts headless Chromium with a profile of its own. `CHROMIUM` names another executable. */
export async function openBrowser(options: { readonly colorScheme?: 'light' | 'dark'; readonly width?: number; readonly height?: number; readonly ignoreCertificateErrors?: boolean; readonly flags?: readonly string[] } = {}): Promise<TestBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'wcs-browser-'));
  const { colorScheme = 'light', width = 1280, height = 900, ignoreCertificateErrors = false, flags = [] } = options;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    args: [...FLAGS, ...flags, ...(ignoreCertificateErrors ? ['--ignore-certificate-errors'] : [])],
    colorScheme,
    viewport: { width, height },
  });
  return {
    context,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
