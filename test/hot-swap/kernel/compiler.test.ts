import test from 'ava';
import { Compiler } from '../../../core/plugin/compiler.ts';
import { childrenOf } from '../../support/snapshots.ts';
import { until } from '../../support/until.ts';

/** Processes of the compiler that this one has started. */
const compilers = (): number => childrenOf(process.pid).filter(({ command }) => command.includes('esbuild')).length;

const compile = async (compiler: Compiler): Promise<string> => {
  const { outputFiles } = await compiler.use((build) => build({ stdin: { contents: 'export const answer: number = 42', loader: 'ts' }, write: false }));
  return outputFiles[0]?.text ?? '';
};

test('the compiler ends once nothing was built for a while, not in the middle of work, and comes back for more', async (t) => {
  const compiler = new Compiler(50);
  t.is(compilers(), 0);
  t.regex(await compile(compiler), /42/);
  let finish = (): void => undefined;
  const long = compiler.use(() => new Promise<void>((resolve) => (finish = resolve)));
  t.regex(await compile(compiler), /42/);
  await new Promise((resolve) => setTimeout(resolve, 150));
  t.is(compilers(), 1);
  finish();
  await long;
  await until(() => compilers() === 0, 'the end of the compiler', 10_000);
  t.regex(await compile(compiler), /42/);
  t.is(compilers(), 1);
});
