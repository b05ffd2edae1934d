import { createRequire } from 'node:module';
import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { createFanoutEngine } from '../../../core/rtp/fanout/create.ts';
import type { LogFields } from '../../../core/log/log.ts';
import { FfiEngine } from '../../../core/rtp/fanout/ffi.ts';
import { loadNativeLibrary } from '../../../core/rtp/fanout/native-library.ts';
import { testEngine } from '../../../core/rtp/fanout/self-test.ts';
import { startTestKernel } from '../../support/test-kernel.ts';

const onLinux = process.platform === 'linux' ? test : test.skip;

function recording(): { readonly lines: { message: string; fields: LogFields | undefined }[]; readonly log: { info(message: string, fields?: LogFields): void } } {
  const lines: { message: string; fields: LogFields | undefined }[] = [];
  return { lines, log: { info: (message, fields) => void lines.push({ message, fields }) } };
}

/** Runs while process.platform says something else. */
function elsewhere<T>(work: () => T): T {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform')!;
  Object.defineProperty(process, 'platform', { ...platform, value: 'win32' });
  try {
    return work();
  } finally {
    Object.defineProperty(process, 'platform', platform);
  }
}

onLinux('auto takes libcrypto and sendmmsg where they work, and says so', (t) => {
  const { lines, log } = recording();
  const engine = createFanoutEngine({ tier: 'auto', log });
  t.is(engine.tier, 'ffi');
  t.deepEqual(lines.map(({ fields }) => fields), [{ tier: 'ffi', segments: true }]);
  engine.close();
});

test('a forced pure engine needs nothing', (t) => {
  const { lines, log } = recording();
  t.is(createFanoutEngine({ tier: 'pure', log }).tier, 'pure');
  t.is(lines.length, 1);
});

test.serial('where ffi does not work, auto is pure with the reason in the log, and forcing it says what to do', (t) => {
  const { lines, log } = recording();
  t.is(elsewhere(() => createFanoutEngine({ tier: 'auto', log })).tier, 'pure');
  t.regex(String(lines[0]?.fields?.reason), /win32/);
  const error = t.throws(() => elsewhere(() => createFanoutEngine({ tier: 'ffi', log })), { instanceOf: WcsError });
  t.is(error.code, 'CONFIG_E_INVALID');
  t.regex(error.message, /network\.rtpEngine.*win32.*auto/);
});

onLinux('the test at the start fails when libcrypto encrypts otherwise, when nothing arrives, and when nothing can be bound', (t) => {
  const library = loadNativeLibrary();
  const wrong = new FfiEngine({ ...library, EVP_EncryptInit_ex: (context, cipher, engine, key) => library.EVP_EncryptInit_ex(context, cipher, engine, key, key) });
  t.throws(() => testEngine(wrong), { message: /differ|refused/ });
  t.throws(() => testEngine(new FfiEngine({ ...library, sendmmsg: (_fd, _messages, count) => count, poll: () => 0 })), { message: /does not arrive/ });
  t.throws(() => testEngine(new FfiEngine({ ...library, sendmmsg: () => -1, errno: () => 1 })), { message: /refuses/ });
  t.throws(() => testEngine(new FfiEngine({ ...library, socket: () => -1 })), { message: /cannot be bound/ });
  t.notThrows(() => testEngine(new FfiEngine(library, false)));
});

onLinux('every function of the native library is found, and koffi is the one that comes with the checkout', (t) => {
  const library = loadNativeLibrary();
  for (const [name, value] of Object.entries(library)) t.is(typeof value, 'function', name);
  t.is(typeof createRequire(import.meta.url)('koffi'), 'object');
});

test.serial('the kernel makes the engine that its settings name and shows it as a metric', async (t) => {
  const kernel = await startTestKernel({ config: { network: { host: '127.0.0.1', rtpEngine: 'pure' } } });
  t.is(kernel.kernel.parts.rtpEngine.tier, 'pure');
  const values = kernel.kernel.parts.metrics.groups().flatMap((group) => group.values);
  t.deepEqual(values.find(({ name }) => name.startsWith('core_rtp_engine')), { name: 'core_rtp_engine[pure]', value: 1 });
  await kernel.stop();
});
