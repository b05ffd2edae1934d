import test from 'ava';
import fc from 'fast-check';
import { z } from 'zod';
import { environmentLayer } from '../../../core/config/environment.ts';
import { evaluate } from '../../../core/config/evaluate.ts';
import { parseYaml } from '../../../core/config/yaml-problems.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';

const SEED = 20_240_601;
const token = fc.oneof(
  fc.constantFrom('log:', ' level: info', '\n', '  ', '- ', '{', '}', '[', ']', ',', ': ', '? ', '&a ', '*a', '<<: *a', '!!binary ', '!!set ', '!x ', '|\n', '>-\n', '"', "'", '#', '---\n', '...\n', '%YAML 1.1\n', '\t', '\uFEFF', '~', 'off', 'plugins:', ' rtmp:', 'ports:', ' media: ', ' from: 1', '__proto__: ', '1: ', '.nan', '0x1F', '1e999'),
  fc.string({ unit: 'binary', maxLength: 6 }),
);
const text = fc.array(token, { maxLength: 40 }).map((tokens) => tokens.join(''));
const schemas = new Map<string, z.ZodType>([['rtmp', z.object({ port: z.number().default(1935) })]]);

test('random text gives settings or problems with a line, never anything else', (t) => {
  let [valid, invalid] = [0, 0];
  fc.assert(fc.property(text, (given) => {
    const yaml = parseYaml(given);
    const layers = { file: yaml.tree, environment: {}, runtime: {} };
    const result = evaluate({ layers, place: (path) => yaml.place(path), variables: new Map() }, schemas);
    const problems = [...yaml.problems, ...result.problems];
    if (problems.length === 0) valid++;
    else invalid++;
    return problems.every(({ line, column, message }) => line >= 1 && column >= 1 && message !== '' && !message.includes('\n'));
  }), { seed: SEED, numRuns: 3000, interruptAfterTimeLimit: 20_000 });
  t.true(valid > 10 && invalid > 1000, `${valid} valid, ${invalid} invalid`);
});

test('texts that nest, repeat aliases or are too long end in a problem, soon', (t) => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]', ...['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]},`.repeat(9)}]`)].join('\n');
  const startedMs = cpuTimeMs();
  for (const hostile of ['['.repeat(20_000), '{a: '.repeat(5000), bomb, 'x'.repeat(2_000_000), 'a: &a\n  b: *a\n', '- '.repeat(20_000)]) {
    t.true(parseYaml(hostile).problems.length > 0, hostile.slice(0, 20));
  }
  t.true(cpuTimeMs() - startedMs < 20_000);
});

test('random variables never throw', (t) => {
  const name = fc.oneof(fc.constantFrom('WCS_LOG_LEVEL', 'WCS_PLUGINS_RTMP_PORT', 'WCS_PLUGINS_X_ENABLED', 'WCS_PLUGINS', 'WCS___PROTO__'), fc.string().map((rest) => `WCS_${rest}`));
  fc.assert(fc.property(fc.dictionary(name, text), (env) => {
    const layer = environmentLayer(env, schemas, ['calls']);
    evaluate({ layers: { file: {}, environment: layer.tree, runtime: {} }, place: () => ({ line: 1, column: 1 }), variables: layer.variables }, schemas);
  }), { seed: SEED, numRuns: 1000, interruptAfterTimeLimit: 20_000 });
  t.pass();
});
