import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../core/errors/wcs-error.ts';
import { cpuTimeMs } from './cpu-time.ts';

/** Of processor time, for all runs; a clock also counts what others take of the machine. */
const CPU_LIMIT_MS = 10_000;
const TIME_LIMIT_MS = 120_000;
const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });

/** Parsers by name, each with bytes that it takes, to be mutated. */
export type ParserTargets = Readonly<Record<string, readonly [parse: (input: Uint8Array) => unknown, seed: Uint8Array]>>;

/** One test for each parser: mutated, cut and random bytes give a value or a `ProtocolError`. Every one of the `runs` must be made. */
export function fuzzParsers(targets: ParserTargets, { runs, seed: randomSeed }: { readonly runs: number; readonly seed: number }): void {
  for (const [name, [parse, seed]] of Object.entries(targets)) {
    test(`${name}, however broken, gives a value or a ProtocolError`, (t) => {
      t.notThrows(() => parse(seed));
      const mutated = fc.tuple(edits, fc.nat(seed.length)).map(([changes, length]) => {
        const input = seed.slice();
        for (const [at, value] of changes) input[at % input.length] = value;
        return changes.length % 2 === 0 ? input.subarray(0, length) : input;
      });
      const beforeMs = cpuTimeMs();
      const result = fc.check(
        fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 64 })), (given) => {
          try {
            parse(given);
          } catch (error) {
            if (!(error instanceof ProtocolError)) throw error;
          }
        }),
        { numRuns: runs, seed: randomSeed, interruptAfterTimeLimit: TIME_LIMIT_MS },
      );
      t.false(result.failed, fc.defaultReportMessage(result));
      t.is(result.numRuns, runs);
      t.true(cpuTimeMs() - beforeMs < CPU_LIMIT_MS);
    });
  }
}
