import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { FlowKeeper, type KeptAccount } from '../../../plugins/sip/calls/flow-keeper.ts';
import { instanceOf, openServerId } from '../../../plugins/sip/calls/instance-id.ts';
import type { Target } from '../../../plugins/sip/engine/session/target.ts';
import { StreamFramer } from '../../../plugins/sip/engine/wire/stream-framer.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const flow = (port: number): Target => ({ transport: 'tcp', address: '192.0.2.1', port });

class Account implements KeptAccount {
  renewals: number[] = [];
  probes = 0;
  answers = true;
  constructor(readonly flow: Target | undefined) {}

  renew(delayMs: number): void {
    this.renewals.push(delayMs);
  }

  probe(): Promise<boolean> {
    this.probes++;
    return Promise.resolve(this.answers);
  }
}

test('each way is kept open once, however many accounts have it, and those that lose it register anew one after the other', (t) => {
  const accounts = [flow(1), flow(1), flow(2), undefined].map((one) => new Account(one));
  const pinged: number[] = [];
  const keeper = new FlowKeeper({ method: 'crlf', intervalMs: 1000, accounts: () => accounts, background: () => t.fail(), ping: ({ port }) => pinged.push(port) < 4 });
  keeper.tick(1);
  t.deepEqual(pinged, [1, 2]);
  keeper.tick(500);
  t.is(pinged.length, 2, 'not yet');
  keeper.tick(1001);
  t.deepEqual(pinged, [1, 2, 1, 2]);
  t.deepEqual(accounts.map(({ renewals }) => renewals.length), [0, 0, 1, 0], 'there was no connection to the second');
  keeper.onLost(flow(1));
  t.deepEqual(accounts.map(({ renewals }) => renewals.length), [1, 1, 1, 0]);
  t.true(accounts.flatMap(({ renewals }) => renewals).every((delayMs) => delayMs >= 0 && delayMs <= 20));
});

test('by OPTIONS one account asks for all on its way, and silence has them all register anew', async (t) => {
  const accounts = [flow(1), flow(1)].map((one) => new Account(one));
  const work: Promise<void>[] = [];
  const keeper = new FlowKeeper({ method: 'options', intervalMs: 1000, accounts: () => accounts, background: (one) => work.push(one), ping: () => false });
  keeper.tick(1);
  await Promise.all(work);
  t.deepEqual(accounts.map(({ probes, renewals }) => probes + renewals.length).sort(), [0, 1]);
  for (const account of accounts) account.answers = false;
  keeper.tick(2000);
  await Promise.all(work);
  t.deepEqual(accounts.map(({ renewals }) => renewals.length), [1, 1]);
});

test('a server keeps its id, and an account its instance, which tells nothing of either', (t) => {
  const folder = temporaryFolder(t);
  const id = openServerId(folder);
  t.is(openServerId(folder), id);
  t.is(statSync(join(folder, 'server-id')).mode & 0o777, 0o600);
  writeFileSync(join(folder, 'server-id'), 'broken');
  t.not(openServerId(folder), id);
  t.regex(readFileSync(join(folder, 'server-id'), 'utf8'), /^[\da-f-]{36}\n$/);
  const account = { login: '1001', authenticationName: '', password: 'a', domain: 'pbx.test', outboundProxy: '', port: 0, registerRequired: true, visibleName: '' };
  t.regex(instanceOf(id, account), /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/);
  t.is(instanceOf(id, { ...account, password: 'b', visibleName: 'x' }), instanceOf(id, account));
  t.not(instanceOf(id, { ...account, login: '1002' }), instanceOf(id, account));
});

test('an empty line is the answer to a keep-alive of ours, two are one of the peer, and a message is neither', (t) => {
  const message = 'OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n';
  const framed = (chunks: readonly string[], expects: boolean): string[] => {
    const framer = new StreamFramer();
    const got: string[] = [];
    if (expects) framer.expectPong();
    for (const chunk of chunks) framer.feed(Buffer.from(chunk), ({ type }) => got.push(type));
    return got;
  };
  t.deepEqual(framed(['\r\n'], true), ['pong']);
  t.deepEqual(framed(['\r', '\n', '\r\n', '\r\n'], true), ['pong', 'ping']);
  t.deepEqual(framed(['\r\n\r\n'], true), ['ping']);
  t.deepEqual(framed(['\r\n\r\n\r\n'], true), ['ping', 'pong']);
  t.deepEqual(framed([`\r\n${message}\r\n`], true), ['pong', 'message']);
  t.deepEqual(framed(['\r\n', '\r\n'], false), ['ping']);
  const count = (types: readonly string[]): number => types.filter((type) => type === 'message').length;
  fc.assert(fc.property(fc.array(fc.constantFrom('\r\n', '\r\n\r\n', message), { maxLength: 12 }), fc.boolean(), (chunks, expects) => count(framed(chunks, expects)) === chunks.filter((chunk) => chunk === message).length));
});
