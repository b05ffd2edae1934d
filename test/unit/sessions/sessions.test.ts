import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { Sessions } from '../../../core/sessions/sessions.ts';

const rtmp = { protocol: 'rtmp', plugin: 'rtmp', kind: 'client' } as const;

test('a session is listed with its present facts until it is closed', (t) => {
  const sessions = new Sessions(() => 1234);
  const entry = sessions.open({ ...rtmp, peer: { address: '10.0.0.1', port: 5000 }, kill: () => undefined });
  t.like(sessions.get(entry.id), { protocol: 'rtmp', startedAtMs: 1234, state: 'NEW', role: 'control' });
  entry.update({ state: 'PUBLISHING', role: 'publish', streamName: 'cam', bytesIn: () => 42 });
  t.like(sessions.list({ streamName: 'cam' })[0], { state: 'PUBLISHING', role: 'publish' });
  t.is(sessions.list()[0]?.bytesIn(), 42);
  const held = sessions.get(entry.id);
  entry.close('Stopped by publisher');
  entry.close();
  t.like(held, { state: 'CLOSED', endReason: 'Stopped by publisher' });
  t.deepEqual(sessions.list(), []);
  t.deepEqual(sessions.countByProtocol(), { rtmp: 0 });
});

test('lists are narrowed by every given fact and counts follow opening and closing', (t) => {
  const sessions = new Sessions();
  const kill = (): void => undefined;
  sessions.open({ ...rtmp, kill }).update({ role: 'play', streamName: 'a' });
  sessions.open({ ...rtmp, kill }).update({ role: 'play', streamName: 'b' });
  sessions.open({ ...rtmp, protocol: 'rtsp', kind: 'internal', kill });
  t.is(sessions.list({ protocol: 'rtmp', role: 'play', streamName: 'b' }).length, 1);
  t.is(sessions.list({ kind: 'internal' }).length, 1);
  t.is(sessions.count('rtmp'), 2);
  t.is(sessions.count(), 3);
  t.is(sessions.count('sip'), 0);
});

test('killing asks the owner with the reason, and an unknown or doubled id is refused', (t) => {
  const sessions = new Sessions();
  const reasons: string[] = [];
  const entry = sessions.open({ ...rtmp, id: 'x', kill: (reason) => reasons.push(reason) });
  sessions.kill('x', 'by operator');
  entry.update({ kill: (reason) => reasons.push(`moved: ${reason}`) });
  sessions.kill('x', 'again');
  t.deepEqual(reasons, ['by operator', 'moved: again']);
  t.is(t.throws(() => sessions.open({ ...rtmp, id: 'x', kill: () => undefined }), { instanceOf: WcsError }).code, 'OPERATION_E_CONFLICT');
  entry.close();
  const next = sessions.open({ ...rtmp, id: 'x', kill: () => undefined });
  entry.close();
  t.is(sessions.get('x'), next);
  t.is(t.throws(() => sessions.kill('y', 'r'), { instanceOf: WcsError }).code, 'SESSION_E_NOT_FOUND');
});
