import createCommand from 'fluent-ffmpeg';
import { messageOf, WcsError, type PluginContext, type PluginSession } from 'wcs-core';

/** How long after the end of one caller's connection the next one may call. */
const RESTART_MS = 500;
const STDERR_KEPT_CHARS = 500;

/** What an SRT listener works with. */
export interface SrtParts {
  readonly ctx: Pick<PluginContext, 'spawn'>;
  readonly session: PluginSession;
  readonly program: string;
}

/** Whether this machine's ffmpeg speaks SRT; asked until it does. */
export class SrtSupport {
  readonly #ctx: Pick<PluginContext, 'spawn'>;
  readonly #program: string;
  #known: Promise<void> | undefined;

  constructor(ctx: Pick<PluginContext, 'spawn'>, program: string) {
    this.#ctx = ctx;
    this.#program = program;
  }

  /** Rejects with WcsError MEDIA_E_PROCESSING saying what is missing. */
  async require(): Promise<void> {
    this.#known ??= this.#ask();
    try {
      await this.#known;
    } catch (error) {
      this.#known = undefined;
      throw error;
    }
  }

  async #ask(): Promise<void> {
    const protocols = await new Promise<string>((resolve, reject) => {
      const child = this.#ctx.spawn(this.#program, ['-hide_banner', '-protocols'], { stdio: ['ignore', 'pipe', 'ignore'] });
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => void (text += chunk.toString()));
      child.once('error', (error) => reject(new WcsError('MEDIA_E_PROCESSING', `SRT needs an ffmpeg with libsrt on this system: ${messageOf(error)}`, { cause: error })));
      child.once('close', () => resolve(text));
    });
    if (!/^\s*srt\s*$/m.test(protocols)) throw new WcsError('MEDIA_E_PROCESSING', 'SRT needs an ffmpeg with libsrt; the one on this system was built without.');
  }
}

/**
 * Listens for SRT callers on a port until the session closes, one after the other: an ffmpeg process speaks SRT and hands
 * the bytes on as they are.
 */
export class SrtListener {
  readonly #parts: SrtParts;
  readonly #args: readonly string[];
  readonly #onData: (data: Buffer) => void;

  constructor(parts: SrtParts, where: { readonly host: string; readonly port: number }, onData: (data: Buffer) => void) {
    this.#parts = parts;
    this.#args = argumentsFor(where);
    this.#onData = onData;
  }

  start(): void {
    const { ctx, session, program } = this.#parts;
    if (session.closed) return;
    const child = ctx.spawn(program, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] }, session.scope);
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      if (!session.closed) this.#onData(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => void (stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT_CHARS)));
    child.once('error', (error) => session.close(`Failed by error: ${messageOf(error)}`));
    child.once('close', (code) => {
      if (session.closed) return;
      session.log.info('MPEG-TS: the SRT caller has gone', { code, stderr: stderr.trim() });
      session.timers.after(RESTART_MS, () => this.start());
    });
  }
}

/** The stream is not looked at: its bytes go through. */
function argumentsFor({ host, port }: { readonly host: string; readonly port: number }): readonly string[] {
  const command = createCommand({ source: `srt://${host.includes(':') ? `[${host}]` : host}:${port}?mode=listener` })
    .inputFormat('data')
    .inputOptions(['-v', 'error', '-nostdin'])
    .outputOptions(['-map', '0', '-c', 'copy', '-flush_packets', '1'])
    .format('data')
    .output('pipe:1');
  return command._getArguments().map(String);
}
