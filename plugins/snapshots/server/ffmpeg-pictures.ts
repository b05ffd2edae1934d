import type { ChildProcess } from 'node:child_process';
import createCommand from 'fluent-ffmpeg';
import { messageOf, Scope, WcsError, type PluginContext } from 'wcs-core';
import { ivfOf } from '../wire/decodable.ts';
import { MAX_PIXELS, type PictureRequest } from '../wire/picture.ts';
import type { PictureMaker } from './picture-maker.ts';

/** A picture that is larger is taken for the work of a broken program. */
const MAX_PICTURE_BYTES = 64 * 1024 * 1024;
const STDERR_KEPT_CHARS = 500;

/** Makes each picture by an ffmpeg process of its own, which reads from a pipe and writes to one. */
export class FfmpegPictures implements PictureMaker {
  readonly name = 'ffmpeg';
  readonly #ctx: Pick<PluginContext, 'spawn' | 'scope'>;
  readonly #program: string;

  constructor(ctx: Pick<PluginContext, 'spawn' | 'scope'>, program: string) {
    this.#ctx = ctx;
    this.#program = program;
  }

  async unavailable(): Promise<string | undefined> {
    try {
      await this.#run(['-version'], new Uint8Array(0), new AbortController().signal);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  async make(request: PictureRequest, signal: AbortSignal): Promise<Uint8Array> {
    const { codec, keyFrame } = request;
    const input = codec === 'h264' || codec === 'hevc' ? keyFrame : ivfOf(codec, keyFrame);
    const picture = await this.#run(argumentsFor(request), input, signal);
    if (picture.length === 0) throw new WcsError('MEDIA_E_NO_PICTURE', 'The key frame could not be decoded.');
    return picture;
  }

  async #run(args: readonly string[], input: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const scope = new Scope('picture by ffmpeg', this.#ctx.scope);
    const end = (): void => void scope.close();
    signal.addEventListener('abort', end, { once: true });
    try {
      const output = await outputOf(this.#ctx.spawn(this.#program, args, { stdio: ['pipe', 'pipe', 'pipe'] }, scope), input);
      signal.throwIfAborted();
      return output;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', end);
      await scope.close();
    }
  }
}

/** The pipe is the only thing that ffmpeg may open: what a peer sends names no files and addresses. */
function argumentsFor({ codec, format, width }: PictureRequest): string[] {
  const scale = width === undefined ? [] : [`scale=w='min(iw,${width})':h=-1`];
  const command = createCommand({ source: 'pipe:0' })
    .inputFormat(codec === 'h264' || codec === 'hevc' ? codec : 'ivf')
    .inputOptions(['-v', 'error', '-nostdin', '-protocol_whitelist', 'pipe', '-threads', '1', '-max_pixels', String(MAX_PIXELS)])
    .videoFilters([...scale, format === 'png' ? 'format=rgb24' : 'format=yuvj420p'])
    .noAudio()
    .frames(1)
    .videoCodec(format === 'png' ? 'png' : 'mjpeg')
    .outputOptions(format === 'png' ? ['-compression_level', '1'] : ['-q:v', '3'])
    .format('image2pipe')
    .output('pipe:1');
  return command._getArguments().map(String);
}

function outputOf(child: ChildProcess, input: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_PICTURE_BYTES) chunks.push(chunk);
      else child.kill('SIGKILL');
    });
    child.stderr?.on('data', (chunk: Buffer) => void (stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT_CHARS)));
    child.once('error', (error) => reject(new WcsError('MEDIA_E_NO_DECODER', messageOf(error), { cause: error })));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(chunks));
      else reject(new WcsError('MEDIA_E_NO_PICTURE', `ffmpeg could not decode the key frame (${signal ?? `exit code ${code ?? 0}`}): ${stderr.trim()}`));
    });
    // It may end before it has read everything; its exit says why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
