import test from 'ava';
import { start } from '../../core/main.ts';

test.serial('arguments that are not understood end the start with a sentence and an exit code, not with a stack', async (t) => {
  const written: string[] = [];
  const write = process.stderr.write.bind(process.stderr);
  const before = process.exitCode;
  process.stderr.write = (text) => written.push(String(text)) > 0;
  try {
    await start(process.cwd(), ['--nonsense']);
    t.is(process.exitCode, 1);
  } finally {
    process.stderr.write = write;
    process.exitCode = before;
  }
  t.regex(written.join(''), /^wcs-core could not start: Unknown option '--nonsense'/);
});
