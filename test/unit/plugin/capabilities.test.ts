import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { runAs, runningGeneration } from '../../../core/plugin/attribution.ts';
import { Capabilities } from '../../../core/plugin/capabilities.ts';

interface Counter {
  next(): string;
}

test('a holder calls whoever provides at the time of the call, with that provider as this', (t) => {
  const capabilities = new Capabilities();
  const counter = capabilities.get<Counter>('counter');
  class Provider {
    #count = 0;
    constructor(private readonly name: string) {}
    next(): string {
      return `${this.name}${++this.#count}`;
    }
  }
  const releaseFirst = capabilities.provide('counter', new Provider('a'));
  t.is(counter.next(), 'a1');
  const releaseSecond = capabilities.provide('counter', new Provider('b'));
  t.is(counter.next(), 'b1');
  releaseFirst();
  t.is(counter.next(), 'b2');
  releaseSecond();
  releaseSecond();
  t.false(capabilities.has('counter'));
});

test('a call without a provider, or of a method that it lacks, says what is missing', (t) => {
  const capabilities = new Capabilities();
  const counter = capabilities.get<Counter>('counter');
  const error = t.throws(() => counter.next(), { instanceOf: WcsError, message: 'No enabled plugin provides counter.next; enable one that does.' });
  t.is(error.code, 'PLUGIN_E_REQUIRES');
  capabilities.provide('counter', {});
  t.throws(() => counter.next(), { instanceOf: WcsError, message: 'What is provided as counter has no method next.' });
});

test('a proxy can be awaited and printed, with and without a provider', async (t) => {
  const counter = new Capabilities().get<Counter>('counter');
  t.is(await Promise.resolve(counter), counter);
  t.notThrows(() => Object.prototype.toString.call(counter));
});

test('the provider\'s code runs under its own name, whoever calls', (t) => {
  const capabilities = new Capabilities();
  capabilities.provide('who', { name: () => runningGeneration() }, (work) => runAs('provider@1', work));
  const who = capabilities.get<{ name(): string }>('who');
  t.is(runAs('user@1', () => who.name()), 'provider@1');
});
