import test from 'ava';
import { tagOf } from '../../../plugins/sip/engine/session/dialog.ts';
import { AgentBench, fromPeer, PEER, SDP } from '../../support/sip/agent-bench.ts';

function calling(bench: AgentBench): { transactionId: string } {
  const outcome = bench.command('INVITE sip:peer@192.0.2.9 SIP/2.0', { From: '<sip:us@localhost>', Contact: '<sip:us@localhost>' }, { body: SDP });
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.sent;
}

/** A call of ours that has been answered and acknowledged. */
function inCall(bench: AgentBench, lines: readonly string[] = []): string {
  calling(bench);
  bench.answer('INVITE', 200, { lines });
  const { dialogId } = bench.responses.at(-1)!;
  bench.command('ACK sip:placeholder SIP/2.0', {}, { dialogId });
  return dialogId;
}

/** A call from outside that we have answered; answers with our tag. */
function called(bench: AgentBench, lines: readonly string[] = []): { dialogId: string; toTag: string } {
  bench.receive(fromPeer('INVITE', { lines, body: SDP }));
  const outcome = bench.command('SIP/2.0 200 OK', { Contact: '<sip:us@localhost>' }, { transactionId: bench.requests.at(-1)!.transactionId, body: SDP });
  if (!outcome.ok) throw new Error(outcome.reason);
  return { dialogId: outcome.sent.dialogId, toTag: tagOf(outcome.sent.message.headers.get('To')) };
}

test('an INVITE is repeated at doubling times for 32 s, then it has timed out', (t) => {
  const bench = new AgentBench();
  calling(bench);
  bench.time.advance(40_000);
  const times = bench.sent.map(({ atMs }) => Math.round((atMs - 1000) / 100) / 10);
  t.deepEqual(times, [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]);
  t.deepEqual(bench.responses.map(({ message }) => message.status), [408]);
  t.is(bench.agent.counts.transactions, 0);
  t.is(bench.time.pending, 0, 'the clock of the engine stands still');
});

test('a request that is no INVITE is repeated at most every 4 s, and every 4 s once somebody works on it', (t) => {
  const bench = new AgentBench();
  bench.command('OPTIONS sip:peer@192.0.2.9 SIP/2.0');
  bench.time.advance(8000);
  t.deepEqual(bench.sent.map(({ atMs }) => Math.round((atMs - 1000) / 100) / 10), [0, 0.5, 1.5, 3.5, 7.5]);
  bench.answer('OPTIONS', 100);
  bench.time.advance(8000);
  t.is(bench.sent.length, 7);
  bench.answer('OPTIONS', 200);
  bench.time.advance(10_000);
  t.is(bench.sent.length, 7);
  t.is(bench.agent.counts.transactions, 0);
});

test('each repeated refusal of an INVITE is acknowledged, with the branch of the INVITE', (t) => {
  const bench = new AgentBench();
  calling(bench);
  bench.answer('INVITE', 486);
  bench.answer('INVITE', 486);
  t.is(bench.all('ACK').length, 2);
  t.is(bench.last('ACK').headers.get('Via'), bench.last('INVITE').headers.get('Via'));
  t.deepEqual(bench.responses.map(({ message }) => message.status), [486]);
  bench.time.advance(32_100);
  t.is(bench.agent.counts.transactions, 0);
});

test('each repeated 2xx gets the ACK again; a second side that answers gets ACK and BYE', (t) => {
  const bench = new AgentBench();
  inCall(bench);
  bench.answer('INVITE', 200);
  t.is(bench.all('ACK').length, 2);
  bench.answer('INVITE', 200, { tag: 'fork' });
  t.is(bench.all('ACK').length, 3);
  t.is(tagOf(bench.last('BYE').headers.get('To')), 'fork');
  t.is(bench.agent.counts.dialogs, 1);
  t.is(bench.responses.filter(({ message }) => message.status === 200).length, 1);
});

test('a CANCEL waits for a provisional response; a 2xx that crosses it is acknowledged and ended', (t) => {
  const bench = new AgentBench();
  const { transactionId } = calling(bench);
  t.true(bench.command('CANCEL sip:peer@192.0.2.9 SIP/2.0', {}, { transactionId }).ok);
  t.is(bench.all('CANCEL').length, 0);
  bench.answer('INVITE', 180);
  t.is(bench.last('CANCEL').headers.get('Via'), bench.last('INVITE').headers.get('Via'));
  bench.answer('CANCEL', 200);
  bench.answer('INVITE', 200);
  t.is(bench.all('ACK').length, 1);
  t.is(bench.all('BYE').length, 1);
  t.deepEqual(bench.responses.map(({ message }) => message.status), [487]);
  t.is(bench.agent.counts.dialogs, 0);
});

test('a cancelled INVITE that nobody ends has ended after 32 s', (t) => {
  const bench = new AgentBench();
  const { transactionId } = calling(bench);
  bench.answer('INVITE', 180);
  bench.command('CANCEL sip:peer@192.0.2.9 SIP/2.0', {}, { transactionId });
  bench.time.advance(33_000);
  t.is(bench.responses.at(-1)?.message.status, 487);
  t.is(bench.agent.counts.dialogs, 0);
});

test('the next target is asked, with a new branch, after 503, a timeout and a broken connection', (t) => {
  const bench = new AgentBench();
  const targets = [1, 2, 3, 4].map((last) => ({ ...PEER, address: `192.0.2.${last}` }));
  bench.targets = targets;
  bench.command('OPTIONS sip:example.com SIP/2.0');
  bench.answer('OPTIONS', 503);
  bench.time.advance(33_000);
  bench.agent.onTargetFailed(targets[2]!);
  bench.answer('OPTIONS', 200);
  t.deepEqual([...new Set(bench.sent.map(({ target }) => target.address))], targets.map(({ address }) => address));
  t.is(new Set(bench.all('OPTIONS').map(({ headers }) => headers.get('Via'))).size, 4);
  t.deepEqual(bench.responses.map(({ message }) => message.status), [200]);
  t.deepEqual(bench.bad.map(({ address }) => address), targets.slice(0, 3).map(({ address }) => address));
});

test('a 2xx of ours is repeated until its ACK comes, and the call given up after 32 s', (t) => {
  const bench = new AgentBench();
  const { toTag } = called(bench);
  bench.time.advance(3600);
  t.deepEqual(bench.statuses(), [100, 200, 200, 200, 200]);
  bench.receive(fromPeer('ACK', { branch: 'z9hG4bKack', toTag }));
  bench.time.advance(10_000);
  t.is(bench.statuses().length, 5);
  t.is(bench.requests.at(-1)?.message.method, 'ACK');
  const silent = new AgentBench();
  called(silent);
  silent.time.advance(33_000);
  t.true(silent.all('BYE').length >= 1);
  t.regex(silent.unsolicited[0]!.message.headers.get('Reason')!, /ACK timeout/);
  t.is(silent.agent.counts.dialogs, 0);
});

test('a repeated request gets the same answer again and is not handed on twice', (t) => {
  const bench = new AgentBench();
  bench.receive(fromPeer('OPTIONS'));
  bench.command('SIP/2.0 200 OK', {}, { transactionId: bench.requests[0]!.transactionId });
  bench.receive(fromPeer('OPTIONS'));
  t.is(bench.requests.length, 1);
  t.deepEqual(bench.statuses(), [200, 200]);
  t.false(bench.command('SIP/2.0 200 OK', {}, { transactionId: bench.requests[0]!.transactionId }).ok, 'answered already');
});

test('requests are refused as the RFC says', (t) => {
  const cases: [string, Parameters<typeof fromPeer>[1], number][] = [
    ['INVITE', { lines: ['Require: magic'] }, 420], ['FOO', {}, 405], ['INFO', { toTag: 'nobody' }, 481], ['INVITE', { lines: ['Supported: timer', 'Session-Expires: 60'] }, 422],
    ['MESSAGE', { lines: ['Content-Encoding: gzip'] }, 415],
  ];
  for (const [method, parts, status] of cases) {
    const bench = new AgentBench();
    bench.receive(fromPeer(method, parts));
    t.deepEqual(bench.statuses(), [status], method);
    t.is(bench.requests.length, 0);
  }
  const merged = new AgentBench();
  merged.receive(fromPeer('MESSAGE'));
  merged.receive(fromPeer('MESSAGE', { branch: 'z9hG4bKother' }));
  t.deepEqual(merged.statuses(), [482]);
  const unwanted = new AgentBench();
  unwanted.wanted = false;
  unwanted.receive(fromPeer('SUBSCRIBE'));
  t.deepEqual(unwanted.statuses(), [503]);
});

test('a malformed request is answered 400; a malformed ACK or response is not', (t) => {
  const bench = new AgentBench();
  bench.receive(fromPeer('MESSAGE', { lines: ['Content-Length: 7'] }));
  bench.receive(fromPeer('ACK', { lines: ['Content-Length: 7'] }));
  t.deepEqual(bench.statuses(), [400]);
  t.is(bench.agent.counts.transactions, 0);
});

test('inside a dialog an old number is refused, and a second INVITE while one is open', (t) => {
  const bench = new AgentBench();
  const { toTag, dialogId } = called(bench);
  bench.receive(fromPeer('ACK', { branch: 'z9hG4bKack', toTag }));
  bench.receive(fromPeer('INFO', { branch: 'z9hG4bKold', toTag, seq: 1 }));
  t.is(bench.statuses().at(-1), 500);
  bench.receive(fromPeer('INVITE', { branch: 'z9hG4bKre', toTag, seq: 5, body: SDP }));
  bench.receive(fromPeer('INVITE', { branch: 'z9hG4bKre2', toTag, seq: 6, body: SDP }));
  t.is(bench.statuses().at(-1), 500);
  bench.command('SIP/2.0 200 OK', {}, { transactionId: bench.requests.findLast(({ message }) => message.method === 'INVITE')!.transactionId, body: SDP });
  bench.receive(fromPeer('ACK', { branch: 'z9hG4bKack2', toTag, seq: 5 }));
  t.true(bench.command('INVITE sip:placeholder SIP/2.0', {}, { dialogId, body: SDP }).ok);
  bench.receive(fromPeer('INVITE', { branch: 'z9hG4bKre3', toTag, seq: 7, body: SDP }));
  t.is(bench.statuses().at(-1), 491);
});

test('491 to a re-INVITE has it sent again a little later, with the next number', (t) => {
  const bench = new AgentBench();
  const dialogId = inCall(bench);
  bench.command('INVITE sip:placeholder SIP/2.0', {}, { dialogId, body: SDP });
  bench.answer('INVITE', 491);
  const before = bench.last('INVITE').headers.get('CSeq');
  bench.time.advance(4100);
  t.not(bench.last('INVITE').headers.get('CSeq'), before);
  bench.answer('INVITE', 200);
  t.deepEqual(bench.responses.map(({ message }) => message.status), [200, 200]);
});

test('481 to a request inside a dialog ends it', (t) => {
  const bench = new AgentBench();
  const dialogId = inCall(bench);
  bench.command('INFO sip:placeholder SIP/2.0', {}, { dialogId });
  bench.answer('INFO', 481);
  t.is(bench.agent.counts.dialogs, 0);
  t.is(bench.unsolicited.length, 1);
  t.deepEqual(bench.command('BYE sip:placeholder SIP/2.0', {}, { dialogId }), { ok: false, reason: 'unable to find dialog' });
});

test('requests follow the recorded route, loose and strict', (t) => {
  for (const [lr, uri, routes] of [[';lr', 'sip:peer@192.0.2.9', ['<sip:p1.example;lr>', '<sip:p2.example;lr>']], ['', 'sip:p1.example', ['<sip:p2.example>', '<sip:peer@192.0.2.9>']]] as const) {
    const bench = new AgentBench();
    const dialogId = inCall(bench, [`Record-Route: <sip:p2.example${lr}>, <sip:p1.example${lr}>`]);
    bench.command('BYE sip:placeholder SIP/2.0', {}, { dialogId });
    t.is(bench.last('BYE').uri, uri);
    t.deepEqual(bench.last('BYE').headers.all('Route'), [...routes]);
  }
});

test('a reliable provisional response is repeated until its PRACK, and 504 ends the INVITE without one', (t) => {
  const bench = new AgentBench();
  bench.receive(fromPeer('INVITE', { lines: ['Supported: 100rel'], body: SDP }));
  const { transactionId } = bench.requests[0]!;
  const outcome = bench.command('SIP/2.0 183 Progress', { Require: '100rel' }, { transactionId, body: SDP });
  const rseq = outcome.ok ? outcome.sent.message.headers.get('RSeq') : '';
  const toTag = outcome.ok ? tagOf(outcome.sent.message.headers.get('To')) : '';
  bench.time.advance(1600);
  t.deepEqual(bench.statuses(), [100, 183, 183, 183]);
  bench.receive(fromPeer('PRACK', { branch: 'z9hG4bKbad', toTag, seq: 2, lines: ['RAck: 1 1 INVITE'] }));
  t.is(bench.statuses().at(-1), 481);
  bench.receive(fromPeer('PRACK', { branch: 'z9hG4bKprack', toTag, seq: 3, lines: [`RAck: ${rseq} 1 INVITE`] }));
  bench.time.advance(5000);
  t.is(bench.statuses().filter((status) => status === 183).length, 3);
  const silent = new AgentBench();
  silent.receive(fromPeer('INVITE', { body: SDP }));
  silent.command('SIP/2.0 183 Progress', { Require: '100rel' }, { transactionId: silent.requests[0]!.transactionId });
  silent.time.advance(33_000);
  t.true(silent.statuses().includes(504));
});

test('a NOTIFY may come before the answer to its SUBSCRIBE', (t) => {
  const bench = new AgentBench();
  bench.command('SUBSCRIBE sip:peer@192.0.2.9 SIP/2.0', { Event: 'presence', Expires: '60' });
  const { headers } = bench.last('SUBSCRIBE');
  bench.receive(fromPeer('NOTIFY', { callId: headers.get('Call-ID')!, toTag: tagOf(headers.get('From')), fromTag: 'peer', lines: ['Event: presence', 'Subscription-State: active'] }));
  t.is(bench.requests.at(-1)?.message.method, 'NOTIFY');
  bench.answer('SUBSCRIBE', 200);
  t.is(bench.agent.counts.dialogs, 1);
  t.is(bench.responses.at(-1)?.dialogId, bench.requests.at(-1)?.dialogId);
});

test('a call is refreshed at half its interval by us, and ended when the other side does not refresh it', (t) => {
  const bench = new AgentBench({ sessionExpiresS: 100 });
  inCall(bench, ['Session-Expires: 100;refresher=uac', 'Require: timer', 'Allow: INVITE, UPDATE, BYE']);
  bench.time.advance(50_100);
  t.is(bench.all('UPDATE').length, 1);
  bench.answer('UPDATE', 200, { lines: ['Session-Expires: 100;refresher=uac'] });
  bench.time.advance(49_000);
  t.is(bench.agent.counts.dialogs, 1);
  const theirs = new AgentBench({ sessionExpiresS: 100 });
  inCall(theirs, ['Session-Expires: 100;refresher=uas', 'Require: timer']);
  theirs.time.advance(69_000);
  t.true(theirs.all('BYE').length > 0);
  t.regex(theirs.unsolicited[0]!.message.headers.get('Reason')!, /Session timer expired/);
});

test('422 has the call made anew with the interval that is asked for', (t) => {
  const bench = new AgentBench({ sessionExpiresS: 100 });
  calling(bench);
  bench.answer('INVITE', 422, { lines: ['Min-SE: 400'] });
  t.is(bench.last('INVITE').headers.get('Session-Expires'), '400');
  t.is(bench.last('INVITE').headers.get('CSeq'), '2 INVITE');
  bench.answer('INVITE', 200);
  t.deepEqual(bench.responses.map(({ message }) => message.status), [200]);
});

test('another user agent goes on with everything that one has written down', (t) => {
  const bench = new AgentBench();
  const ours = inCall(bench);
  const ring = calling(bench);
  bench.answer('INVITE', 180);
  const { toTag } = called(bench);
  bench.receive(fromPeer('INVITE', { callId: 'ringing', branch: 'z9hG4bKringing', body: SDP }));
  const next = new AgentBench({ time: bench.time, prefix: 'next' });
  const state = structuredClone(bench.agent.exportState());
  bench.agent.clear();
  next.agent.importState(state);
  t.deepEqual(next.agent.counts, { transactions: next.agent.counts.transactions, dialogs: 3 });
  t.is(next.requests.length, 1, 'the call that rings is handed on anew');
  next.time.advance(600);
  t.deepEqual(next.statuses(), [200], 'the answer that waits for its ACK is repeated from there');
  next.receive(fromPeer('ACK', { branch: 'z9hG4bKack', toTag }));
  next.receive(fromPeer('BYE', { branch: 'z9hG4bKbye', toTag, seq: 2 }));
  t.is(next.requests.at(-1)?.message.method, 'BYE');
  t.true(next.command('BYE sip:placeholder SIP/2.0', {}, { dialogId: ours }).ok);
  t.true(next.command('CANCEL sip:peer@192.0.2.9 SIP/2.0', {}, { transactionId: ring.transactionId }).ok);
  t.is(next.all('CANCEL').length, 1);
  t.true(next.command('SIP/2.0 486 Busy', {}, { transactionId: next.requests[0]!.transactionId }).ok);
  const before = bench.sent.length;
  next.time.advance(100_000);
  t.is(bench.sent.length, before, 'the previous one says nothing more');
  t.deepEqual(next.agent.counts, { transactions: 0, dialogs: 0 });
});

/** A call from outside whose caller has sent us to somebody else, and then hung up. */
function referredAndLeft(bench: AgentBench): string {
  const { dialogId, toTag } = called(bench);
  bench.receive(fromPeer('ACK', { branch: 'z9hG4bKack', toTag }));
  bench.receive(fromPeer('REFER', { branch: 'z9hG4bKrefer', seq: 2, toTag, lines: ['Refer-To: <sip:next@192.0.2.7>'] }));
  bench.command('SIP/2.0 202 Accepted', {}, { transactionId: bench.requests.at(-1)!.transactionId });
  bench.receive(fromPeer('BYE', { branch: 'z9hG4bKbye', seq: 3, toTag }));
  bench.command('SIP/2.0 200 OK', {}, { transactionId: bench.requests.at(-1)!.transactionId });
  bench.receive(fromPeer('INFO', { branch: 'z9hG4bKinfo', seq: 4, toTag }));
  return dialogId;
}

const tell = (bench: AgentBench, dialogId: string, state: string): boolean => bench.command('NOTIFY sip:placeholder SIP/2.0', { Event: 'refer', 'Subscription-State': state, 'Content-Type': 'message/sipfrag' }, { dialogId, body: 'SIP/2.0 200 OK' }).ok;

test('who has sent us on and hung up is told how that goes, until the last word, and nothing else', (t) => {
  const bench = new AgentBench();
  const dialogId = referredAndLeft(bench);
  t.is(bench.statuses().at(-1), 481, 'the call is over');
  t.false(bench.command('INFO sip:placeholder SIP/2.0', {}, { dialogId }).ok);
  t.true(tell(bench, dialogId, 'active;expires=60'));
  t.is(bench.last('NOTIFY').headers.get('CSeq'), '1 NOTIFY');
  bench.answer('NOTIFY', 200);
  const next = new AgentBench({ time: bench.time, prefix: 'next' });
  next.agent.importState(structuredClone(bench.agent.exportState()));
  bench.agent.clear();
  t.true(tell(next, dialogId, 'terminated;reason=noresource'));
  t.is(next.last('NOTIFY').headers.get('CSeq'), '2 NOTIFY');
  t.is(next.agent.counts.dialogs, 0);
  t.false(tell(next, dialogId, 'terminated;reason=noresource'));
});

test('a call that is over is not kept for ever for who has sent us on, nor when that one wants to hear nothing', (t) => {
  const [silent, gone] = [new AgentBench(), new AgentBench()];
  referredAndLeft(silent);
  silent.time.advance(241_000);
  t.is(silent.agent.counts.dialogs, 0);
  t.true(tell(gone, referredAndLeft(gone), 'active;expires=60'));
  gone.answer('NOTIFY', 481);
  t.is(gone.agent.counts.dialogs, 0);
  t.deepEqual(gone.unsolicited, [], 'the application has heard of the end');
});
