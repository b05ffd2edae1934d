import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { Agents, type AgentPlace } from '../../../plugins/sip/calls/agents.ts';
import { Relay, type RelayEffects } from '../../../plugins/sip/drachtio/session/relay.ts';
import { ControlFramer, encodeControlMessage, type ControlMessage } from '../../../plugins/sip/engine/wire/control-frame.ts';

const sip = (start: string, headers: readonly string[] = [], body = '', callId = 'c1'): string => {
  const method = /^(?:SIP\/2\.0 \d+ )?(\w+)/.exec(start)![1];
  return [start.replace(/(SIP\/2\.0 \d+ )\w+ /, '$1'), 'Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx', 'From: <sip:a@b>;tag=1', 'To: <sip:c@d>;tag=2', `Call-ID: ${callId}`, `CSeq: 7 ${method}`, ...headers, '', body].join('\r\n');
};
/** As drachtio-server 0.6, 0.8 and 0.9 write the fields behind the transaction id. */
const SHAPES = { 'without a dialog': [''], 'with where it came in': ['', '192.0.2.1', '5060', ''], 'with a session token': ['', '192.0.2.1', '5060', 'token', ''] } as const;
const facts = (source: string, transactionId: string): string[] => [source, '400', 'udp', '192.0.2.9', '5060', '12:00:00.000000', transactionId];

class Bench {
  readonly toServer: ControlMessage[] = [];
  readonly toApplication: ControlMessage[] = [];
  readonly answers: (readonly string[])[] = [];
  readonly refusals: string[] = [];
  readonly asked: (readonly [string, string])[] = [];
  ready = 0;
  malformed = 0;
  route: string | undefined = '';
  wants = true;
  readonly relay: Relay;

  constructor(methods: readonly string[] = ['invite']) {
    const effects: RelayEffects = {
      toServer: (message) => void this.toServer.push(message),
      toApplication: (message) => void this.toApplication.push(message),
      wants: () => this.wants,
      locate: (uri, caller, done) => {
        this.asked.push([uri, caller]);
        done(this.route);
      },
      onReady: () => (this.ready += 1),
      onRefused: (reason) => void this.refusals.push(reason),
      onMalformed: () => (this.malformed += 1),
    };
    this.relay = new Relay('secret', methods, effects);
  }

  /** Lets it in, as servers of all ages do. */
  enter(greeting: readonly string[] = ['udp/192.0.2.1:5060,tcp/192.0.2.1:5060', 'v0.9.10', 'udp/10.0.0.1:5060']): this {
    this.relay.enter();
    this.respond(['OK', ...greeting]);
    while (this.toServer.at(-1)?.kind === 'route' && this.ready === 0) for (const { id, kind } of [...this.toServer]) if (kind === 'route') this.respond(['OK'], '', id);
    return this;
  }

  respond(fields: readonly string[], payload = '', id = this.toServer.at(-1)!.id): void {
    this.relay.onServerMessage({ id: 'r', kind: 'response', fields: [id, ...fields], payload });
  }

  command(payload: string, fields: readonly string[] = ['', '']): void {
    this.relay.onCommand({ id: `command${this.toServer.length}`, kind: 'sip', fields, payload }, (answer) => this.answers.push(answer));
  }

  /** A request of ours that has gone out under that transaction. */
  sent(payload: string, transactionId: string, fields?: readonly string[]): void {
    this.command(payload, fields);
    this.respond(['OK', ...facts('application', transactionId), 'Msg sent:', ''], payload);
  }

  hears(payload: string, transactionId: string, more: readonly string[] = [''], source = 'network'): void {
    this.relay.onServerMessage({ id: 'm', kind: 'sip', fields: [...facts(source, transactionId), ...more], payload });
  }
}

test('it enters, asks for its methods, and is ready when it has them all', (t) => {
  const bench = new Bench(['invite', 'message']);
  bench.relay.enter();
  t.deepEqual([bench.toServer[0]?.kind, bench.toServer[0]?.fields], ['authenticate', ['secret', '']]);
  bench.respond(['OK', 'udp/192.0.2.1:5060', 'v0.9.10', '']);
  t.deepEqual(bench.toServer.slice(1).map(({ kind, fields }) => [kind, ...fields]), [['route', 'invite'], ['route', 'message']]);
  bench.respond(['OK'], '', bench.toServer[1]!.id);
  t.false(bench.relay.ready);
  bench.respond(['OK'], '', bench.toServer[2]!.id);
  t.is(bench.ready, 1);
  t.is(bench.relay.hostPorts, 'udp/192.0.2.1:5060');
});

test('a wrong secret is told without it, and a method that is not to be had', (t) => {
  const bench = new Bench();
  bench.relay.enter();
  bench.respond(['NO', 'incorrect secret: secret']);
  t.deepEqual(bench.refusals, ['it does not take the secret']);
  const other = new Bench();
  other.relay.enter();
  other.respond(['OK', '']);
  other.respond(['NOK', 'unsupported verb']);
  t.deepEqual(other.refusals, ['it does not take invite']);
  t.false(other.relay.ready);
});

test('only servers that know pings are asked by them', (t) => {
  for (const [version, knows] of [[undefined, false], ['v0.5.3', false], ['v0.8.1', false], ['v0.8.2', true], ['v0.8.25-rc2', true], ['v0.9.0', true], ['v1.0.0', true], ['main', false]] as const) {
    const bench = new Bench().enter(version === undefined ? ['udp/192.0.2.1:5060'] : ['udp/192.0.2.1:5060', version]);
    t.is(bench.ready, 1);
    t.is(bench.relay.ping(() => undefined), knows, version);
  }
});

for (const [shape, more] of Object.entries(SHAPES)) {
  test(`messages come through ${shape}, their fields as they are`, (t) => {
    const bench = new Bench().enter();
    bench.hears(sip('INVITE sip:us@192.0.2.1 SIP/2.0'), 't1', more);
    t.deepEqual(bench.toApplication[0]?.fields, [...facts('network', 't1'), ...more]);
    bench.command('SIP/2.0 180 Ringing\r\n\r\n', ['t1', '']);
    t.deepEqual(bench.toServer.at(-1)?.fields, ['t1', '']);
    bench.sent(sip('INVITE sip:them@192.0.2.9 SIP/2.0', [], '', 'c2'), 't2');
    bench.hears(sip('SIP/2.0 200 INVITE OK', [], '', 'c2'), 't2', ['dialog2', ...more.slice(1)]);
    t.is(bench.toApplication.at(-1)?.fields[7], 'dialog2');
    t.deepEqual(bench.relay.counts, { transactions: 1, dialogs: 1 });
  });
}

test('what would trouble drachtio-srf comes to it tidied, or is answered instead of it', (t) => {
  const bench = new Bench().enter();
  bench.hears(sip('OPTIONS sip:us@192.0.2.1 SIP/2.0', [`Subject: a${' '.repeat(5000)}b`]), 't1');
  t.regex(bench.toApplication[0]!.payload, /\r\nSubject: a b\r\n/);
  bench.hears('OPTIONS sip:us@192.0.2.1 SIP/2.0\r\nTo: <sip:us@192.0.2.1>\r\n\r\n', 't2');
  t.regex(bench.toServer.at(-1)!.payload, /^SIP\/2\.0 400 Missing Via\r\n/);
  t.deepEqual(bench.toServer.at(-1)!.fields, ['t2', '']);
  bench.sent(sip('REGISTER sip:d SIP/2.0'), 't3');
  bench.hears(`SIP/2.0 200 OK\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`, 't3');
  t.regex(bench.toApplication.at(-1)!.payload, /^SIP\/2\.0 502 Malformed Response\r\n[^]*Call-ID: c1\r\n/);
  t.is(bench.malformed, 2);
  bench.wants = false;
  bench.hears(sip('INVITE sip:us@192.0.2.1 SIP/2.0'), 't4');
  t.regex(bench.toServer.at(-1)!.payload, /^SIP\/2\.0 503 /);
  t.throws(() => bench.relay.onServerMessage({ id: 'x', kind: 'dance', fields: [], payload: '' }), { instanceOf: ProtocolError });
  t.notThrows(() => bench.relay.onServerMessage({ id: 'x', kind: 'cdr:start', fields: ['network', '12:00'], payload: '' }));
});

test('an address that a peer has named is judged, and a name goes out as the address that was', (t) => {
  const bench = new Bench().enter();
  const request = sip('REGISTER sip:pbx.test SIP/2.0', ['X-Caller-Address: 203.0.113.9']);
  bench.route = 'sip:198.51.100.1:5060;transport=udp';
  bench.command(request);
  t.deepEqual(bench.asked, [['sip:pbx.test', '203.0.113.9']]);
  t.deepEqual(bench.toServer.at(-1)?.fields, ['', '', 'sip:198.51.100.1:5060;transport=udp']);
  t.false(bench.toServer.at(-1)!.payload.includes('203.0.113.9'));
  bench.route = '';
  bench.command(request, ['', '', 'sip:198.51.100.2']);
  t.deepEqual(bench.toServer.at(-1)?.fields, ['', '', 'sip:198.51.100.2']);
  bench.route = undefined;
  bench.command(request);
  t.deepEqual(bench.answers, [['NOK', 'No route to the host']]);
});

test('half a line end does not leave', (t) => {
  const bench = new Bench().enter();
  const before = bench.toServer.length;
  bench.command(sip('OPTIONS sip:a@b SIP/2.0', ['Subject: a\nEvil: b']));
  t.is(bench.toServer.length, before);
  t.is(bench.answers[0]?.[0], 'NOK');
});

test('when the server goes, whoever waits hears of it, and its dialogs hear a BYE when it comes back', (t) => {
  const bench = new Bench().enter();
  bench.sent(sip('REGISTER sip:d SIP/2.0'), 't1');
  bench.hears(sip('INVITE sip:us@192.0.2.1 SIP/2.0', [], '', 'c2'), 't2');
  bench.sent(sip('INVITE sip:them@192.0.2.9 SIP/2.0', [], '', 'c3'), 't3');
  bench.hears(sip('SIP/2.0 200 INVITE OK', [], '', 'c3'), 't3', ['dialog3', '']);
  bench.command(sip('OPTIONS sip:a@b SIP/2.0'));
  const told = bench.toApplication.length;
  bench.relay.onLost();
  t.deepEqual(bench.answers.at(-1), ['NOK', 'The SIP server has gone']);
  t.deepEqual(bench.toApplication.slice(told).map(({ fields, payload }) => [payload.slice(0, payload.indexOf('\r')), fields[0], fields[6], fields[7]]), [
    ['SIP/2.0 503 The SIP server has gone', 'network', 't1', ''],
    ['CANCEL sip:us@192.0.2.1 SIP/2.0', 'network', 't2', ''],
    ['BYE sip:localhost SIP/2.0', 'application', 'unsolicited', 'dialog3'],
  ]);
  t.deepEqual(bench.relay.counts, { transactions: 0, dialogs: 0 });
  bench.command(sip('OPTIONS sip:a@b SIP/2.0'));
  t.deepEqual(bench.answers.at(-1), ['NOK', 'The SIP server is not connected']);
  bench.ready = 0;
  bench.enter();
  t.deepEqual(bench.toServer.filter(({ payload }) => payload.startsWith('BYE')).map(({ fields }) => fields), [['', 'dialog3']]);
});

test('another relay goes on: with what waits for an answer, with our INVITE that rings, and without one that nobody has any more', (t) => {
  const [old, next] = [new Bench().enter(), new Bench()];
  old.hears(sip('INVITE sip:us@192.0.2.1 SIP/2.0', [], '', 'c2'), 't2');
  old.hears(sip('MESSAGE sip:us@192.0.2.1 SIP/2.0', [], '', 'c9'), 't9');
  old.command('SIP/2.0 200 OK\r\n\r\n', ['t9', '']);
  old.sent(sip('INVITE sip:them@192.0.2.9 SIP/2.0', [], '', 'c3'), 't3');
  old.command(sip('INVITE sip:them@192.0.2.9 SIP/2.0', [], '', 'c4'));
  const orphan = old.toServer.at(-1)!.id;
  next.relay.importState(structuredClone(old.relay.exportState()));
  t.true(next.relay.ready);
  t.deepEqual(next.toApplication.map(({ payload, fields }) => [payload.split(' ')[0], fields[6]]), [['INVITE', 't2']]);
  t.true(next.relay.holds('t3'));
  next.command('INVITE sip:them@192.0.2.9 SIP/2.0\r\nX-Resume-Transaction: t3\r\n\r\n');
  t.deepEqual([next.answers[0]?.[0], next.answers[0]?.[7]], ['OK', 't3']);
  t.is(next.toServer.length, 0, 'nothing goes out for it');
  next.respond(['OK', ...facts('application', 't4'), 'Msg sent:', ''], sip('INVITE sip:them@192.0.2.9 SIP/2.0', [], '', 'c4'), orphan);
  t.deepEqual([next.toServer[0]?.payload.split(' ')[0], next.toServer[0]?.fields], ['CANCEL', ['t4', '']]);
});

test('a plugin that ends says goodbye to calls, those that ring and those that have been answered', (t) => {
  const bench = new Bench().enter();
  bench.hears(sip('INVITE sip:us@192.0.2.1 SIP/2.0', [], '', 'c2'), 't2');
  bench.sent(sip('INVITE sip:them@192.0.2.9 SIP/2.0', [], '', 'c3'), 't3');
  bench.command('SIP/2.0 200 OK\r\n\r\n', ['t2', '']);
  bench.respond(['OK', ...facts('application', 't2'), 'dialog2', ''], sip('SIP/2.0 200 INVITE OK', [], '', 'c2'));
  bench.hears(sip('INVITE sip:us@192.0.2.1 SIP/2.0', [], '', 'c5'), 't5');
  const before = bench.toServer.length;
  bench.relay.close();
  t.deepEqual(bench.toServer.slice(before).map(({ payload, fields }) => [payload.split('\r')[0], fields.join()]), [['BYE sip:placeholder SIP/2.0', ',dialog2'], ['CANCEL sip:placeholder SIP/2.0', 't3,'], ['SIP/2.0 503 Service Unavailable', 't5,']]);
});

test('no control message of a server makes it throw anything but a ProtocolError', (t) => {
  const field = fc.oneof(fc.constantFrom('', 'OK', 'NOK', 'network', 'application', 'unsolicited', 't1', 'd1', 'command1'), fc.string({ maxLength: 8 }));
  const payload = fc.oneof(fc.constantFrom('', sip('INVITE sip:us@192.0.2.1 SIP/2.0'), sip('SIP/2.0 200 INVITE OK'), sip('BYE sip:us@192.0.2.1 SIP/2.0'), 'SIP/2.0 200', '\r\n\r\n'), fc.string({ maxLength: 60 }));
  const message = fc.record({ id: fc.string({ maxLength: 4 }), kind: fc.constantFrom('sip', 'sip', 'response', 'cdr:stop', 'dance'), fields: fc.array(field, { maxLength: 14 }), payload });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), (messages) => {
      const bench = new Bench().enter();
      bench.sent(sip('INVITE sip:them@192.0.2.9 SIP/2.0'), 't1');
      for (const one of messages) {
        try {
          bench.relay.onServerMessage(one);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
        }
      }
      bench.relay.onLost();
      t.deepEqual(bench.relay.counts, { transactions: 0, dialogs: 0 });
    }),
    { numRuns: 500 },
  );
});

test('a control message that is too long is skipped, however it is cut, and what follows is read', (t) => {
  const frame = (id: string): Uint8Array => encodeControlMessage({ id, kind: 'sip', fields: [], payload: 'x' });
  const stream = Buffer.concat([frame('a'), Buffer.from(`150000#${'#'.repeat(150_000)}`), frame('b')]);
  for (const size of [1000, 33_333, stream.length]) {
    let skipped = 0;
    const ids: string[] = [];
    let framer = new ControlFramer(() => skipped++);
    for (let at = 0; at < stream.length; at += size) {
      framer.feed(stream.subarray(at, at + size), ({ id }) => ids.push(id));
      // As through a swap.
      const state = structuredClone(framer.exportState());
      framer = new ControlFramer(() => skipped++);
      framer.importState(state);
    }
    t.deepEqual([ids, skipped], [['a', 'b'], 1]);
  }
  t.throws(() => new ControlFramer().feed(Buffer.from('150000#'), () => undefined), { instanceOf: ProtocolError });
  t.throws(() => new ControlFramer(() => undefined).feed(Buffer.from('123456789#'), () => undefined), { instanceOf: ProtocolError });
});

test('a user has one server as long as it is there, and a server that is lost moves nobody but its own', (t) => {
  const up = new Set(['a', 'b', 'c']);
  const places = [...up].map((name) => ({ name, get connected() { return up.has(name); }, holds: (id: string) => id === `held by ${name}`, srf: {} }) as unknown as AgentPlace);
  const agents = new Agents(places);
  const users = Array.from({ length: 300 }, (_unused, index) => `sip:${1000 + index}@pbx.test`);
  const choose = (): string[] => users.map((user) => agents.of(user).name);
  const before = choose();
  t.deepEqual(choose(), before);
  for (const name of up) t.true(before.filter((one) => one === name).length > 60, 'each has its share');
  up.delete('b');
  const meanwhile = choose();
  t.false(meanwhile.includes('b'));
  t.true(users.every((_user, index) => before[index] === 'b' || before[index] === meanwhile[index]));
  up.add('b');
  t.deepEqual(choose(), before);
  t.is(agents.of(users[0]!, 'held by c').name, 'c', 'an INVITE is taken over where it is');
  up.clear();
  t.deepEqual(choose(), before, 'with none connected each waits for its own');
});
