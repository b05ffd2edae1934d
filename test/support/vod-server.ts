import { copyFileSync, linkSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mediaFolder } from './media-folder.ts';
import { removeFolder, temporaryFolder } from './temporary-folder.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from './test-kernel.ts';

/** A server with files to play, on loopback. */
export interface VodServer {
  readonly kernel: TestKernel;
  /** Folder of the files, of this test alone. */
  readonly folder: string;
  readonly rtmpPort: number;
  readonly rtmpUrl: string;
  readonly hlsPort: number;
  /** Puts a clip of the test media into the folder. */
  add(clip: string, name?: string): string;
  stop(): Promise<void>;
}

/** Judges what a peer gets. */
export const AV_CHECK = join(checkout, 'test/support/peers/av-check.mjs');

/** Starts a server that is stopped when the test ends. */
export async function startVodServer(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}): Promise<VodServer> {
  const server = await openVodServer(settings);
  t.teardown(async () => {
    await server.stop();
    if (!t.passed) t.log(server.kernel.logLines.slice(-30).join(''));
  });
  return server;
}

/** Starts a server for all tests of a file, which stop it. */
export async function openVodServer(settings: Readonly<Record<string, unknown>> = {}): Promise<VodServer> {
  const folder = temporaryFolder();
  const [rtmpPort = 0, hlsPort = 0, hlsTls = 0] = await freePorts(3);
  const kernel = await startTestKernel({
    plugins: { vod: { folder, ...settings }, rtmp: { port: rtmpPort, playWaitMs: 0 }, hls: { port: hlsPort, tlsPort: hlsTls } },
  });
  return {
    kernel,
    folder,
    rtmpPort,
    rtmpUrl: `rtmp://127.0.0.1:${rtmpPort}/live`,
    hlsPort,
    add: (clip, name = clip) => {
      const target = join(folder, name);
      copyOrLink(join(mediaFolder, clip), target);
      return target;
    },
    stop: async () => {
      await kernel.stop();
      removeFolder(folder);
    },
  };
}

function copyOrLink(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
