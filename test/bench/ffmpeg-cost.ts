import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** User and system time of one run of ffmpeg on one thread, in milliseconds: what the same work costs without a server. */
export async function ffmpegCpuMs(args: readonly string[]): Promise<number> {
  const { stderr } = await run('ffmpeg', ['-nostdin', '-y', '-v', 'info', '-threads', '1', '-filter_threads', '1', '-filter_complex_threads', '1', '-benchmark', ...args]);
  const [, user = '0', system = '0'] = /utime=([\d.]+)s stime=([\d.]+)s/.exec(stderr) ?? [];
  return (Number(user) + Number(system)) * 1000;
}
