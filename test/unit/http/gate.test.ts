import test from 'ava';
import { Gate, MAX_FAILURES } from '../../../plugins/http/server/gate.ts';
import { HttpFailure } from '../../../plugins/http/wire/rest-error.ts';

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

function makeGate() {
  const seen: string[] = [];
  const users = {
    verify: async (user: string, password: string) => {
      seen.push(password);
      await Promise.resolve();
      return user === 'admin' && password === 'secret' ? { name: user, role: 'admin' as const, sshPublicKeys: [] } : undefined;
    },
  };
  return { gate: new Gate(users), seen };
}

test('Right credentials are let in, others are asked for', async (t) => {
  const { gate } = makeGate();
  t.like(await gate.admit(basic('admin', 'secret'), '10.0.0.1'), { user: 'admin', role: 'admin' });
  for (const header of [undefined, 'Bearer x', basic('admin', 'wrong'), basic('nobody', 'secret')]) {
    const error = await t.throwsAsync(gate.admit(header, '10.0.0.1'), { instanceOf: HttpFailure });
    t.is(error.status, 401);
    t.regex(error.headers['WWW-Authenticate'] ?? '', /^Basic realm=/);
  }
});

test('After ten wrong passwords the address must wait, even with the right one; others need not', async (t) => {
  const { gate, seen } = makeGate();
  for (let attempt = 0; attempt < MAX_FAILURES; attempt++) await t.throwsAsync(gate.admit(basic('admin', `guess ${attempt}`), '10.0.0.1'), { message: /wrong/ });
  const error = await t.throwsAsync(gate.admit(basic('admin', 'secret'), '10.0.0.1'), { instanceOf: HttpFailure });
  t.is(error.status, 429);
  const retryAfterS = Number(error.headers['Retry-After']);
  t.true(retryAfterS > 0 && retryAfterS <= 60);
  t.is(seen.length, MAX_FAILURES);
  t.is((await gate.admit(basic('admin', 'secret'), '10.0.0.2')).role, 'admin');
});

test('Parallel guesses get no more tries than guesses in a row', async (t) => {
  const { gate, seen } = makeGate();
  const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => gate.admit(basic('admin', `guess ${index}`), '10.0.0.1')));
  t.is(seen.length, MAX_FAILURES);
  t.is(outcomes.filter((outcome) => outcome.status === 'rejected' && (outcome.reason as HttpFailure).status === 429).length, 50 - MAX_FAILURES);
});

test('Requests without credentials are no failed sign-ins', async (t) => {
  const { gate } = makeGate();
  for (let attempt = 0; attempt < MAX_FAILURES * 2; attempt++) await t.throwsAsync(gate.admit(undefined, '10.0.0.1'));
  t.is((await gate.admit(basic('admin', 'secret'), '10.0.0.1')).user, 'admin');
});
