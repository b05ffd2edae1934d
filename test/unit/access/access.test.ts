import test from 'ava';
import { Access, type AccessRequest } from '../../../core/access/access.ts';
import { createRootLog } from '../../../core/log/root-log.ts';

const lines: string[] = [];
const log = createRootLog({ level: 'info', pretty: false, write: (line) => lines.push(line) });
const request: AccessRequest = { action: 'play', protocol: 'rtmp', streamName: 'cam', params: { token: 'x' }, peer: { address: '10.0.0.1', port: 1 }, sessionId: 's' };

test('nobody objects: allowed, as it was asked', async (t) => {
  const access = new Access({ log });
  access.use({ name: 'none', order: 1, authorise: () => undefined });
  t.deepEqual(await access.authorise(request), { allowed: true });
});

test('the first refusal by order wins and a released authoriser is asked no more', async (t) => {
  const access = new Access({ log });
  const asked: string[] = [];
  const voice = (name: string, order: number, allowed: boolean) => access.use({
    name,
    order,
    authorise: () => {
      asked.push(name);
      return Promise.resolve(allowed ? { allowed } : { allowed, reason: name, code: '403' });
    },
  });
  const release = voice('late', 30, false);
  voice('early', 10, true);
  voice('middle', 20, false);
  t.deepEqual(await access.authorise(request), { allowed: false, reason: 'middle', code: '403' });
  t.deepEqual(asked, ['early', 'middle']);
  release();
  t.is((await access.authorise(request)).allowed, false);
});

test('each authoriser sees what those before it rewrote, and the last form is the answer', async (t) => {
  const access = new Access({ log });
  access.use({ name: 'a', order: 1, authorise: () => ({ allowed: true, streamName: 'real', params: { a: '1' } }) });
  let seen: AccessRequest | undefined;
  access.use({ name: 'b', order: 2, authorise: (given) => ((seen = given), { allowed: true }) });
  t.deepEqual(await access.authorise(request), { allowed: true, streamName: 'real', params: { a: '1' } });
  t.like(seen, { streamName: 'real', params: { a: '1' } });
});

test('an authoriser that throws, hangs or rewrites to a hostile name refuses, and the log says why', async (t) => {
  const cases = [
    { name: 'throws', authorise: () => { throw new Error('database down'); } },
    { name: 'hangs', authorise: () => new Promise<undefined>(() => undefined) },
    { name: 'rewrites', authorise: () => ({ allowed: true, streamName: '../etc' }) as const },
  ];
  for (const { name, authorise } of cases) {
    const access = new Access({ log, timeoutMs: 20 });
    access.use({ name, order: 1, authorise });
    const decision = await access.authorise(request);
    t.false(decision.allowed);
    t.true(lines.some((line) => line.includes(`"authoriser":"${name}"`)));
  }
});

test('a caller that is gone gets a refusal and the authoriser is told', async (t) => {
  const access = new Access({ log });
  const gone = new AbortController();
  let aborted = false;
  access.use({ name: 'slow', order: 1, authorise: (_request, signal) => new Promise(() => signal.addEventListener('abort', () => (aborted = true))) });
  const pending = access.authorise(request, gone.signal);
  gone.abort();
  t.false((await pending).allowed);
  t.true(aborted);
});
