import test from 'ava';
import { Targets } from '../../../core/access/targets.ts';

const resolve = (host: string): Promise<string[]> => Promise.resolve(host === 'localhost' ? ['127.0.0.1'] : ['10.0.0.7']);

test('only who is on this machine may name this machine', async (t) => {
  const targets = new Targets(() => ({ allowPrivateTargets: false, allowedTargets: [] }), resolve);
  t.like(await targets.check('rtsp://localhost/cam', '127.0.0.1'), { address: '127.0.0.1', port: 554 });
  await t.throwsAsync(targets.check('rtsp://localhost/cam', '198.51.100.7'), { code: 'ACCESS_E_REFUSED' });
  await t.throwsAsync(targets.check('rtsp://localhost/cam', undefined), { code: 'ACCESS_E_REFUSED' });
});

test('settings count as they are when the question is asked', async (t) => {
  let settings = { allowPrivateTargets: false, allowedTargets: [] as string[] };
  const targets = new Targets(() => settings, resolve);
  await t.throwsAsync(targets.check('rtmp://camera/live', '198.51.100.7'), { message: /network\.allowedTargets/ });
  settings = { allowPrivateTargets: false, allowedTargets: ['camera'] };
  t.like(await targets.check('rtmp://camera/live', '198.51.100.7'), { address: '10.0.0.7', port: 1935, host: 'camera' });
});

test('a numeric address is judged at once, by its class and by ranges, and never by a name', (t) => {
  let settings = { allowPrivateTargets: false, allowedTargets: ['camera', '10.0.0.0/24'] };
  const targets = new Targets(() => settings, resolve);
  t.true(targets.allows('1.1.1.1', '198.51.100.7'));
  t.true(targets.allows('10.0.0.7', '198.51.100.7'));
  t.false(targets.allows('10.0.1.7', '198.51.100.7'));
  t.false(targets.allows('127.0.0.1', '198.51.100.7'));
  t.true(targets.allows('127.0.0.1', '127.0.0.1'));
  t.false(targets.allows('::ffff:10.0.1.7', '198.51.100.7'));
  t.false(targets.allows('camera', '198.51.100.7'), 'what is no address is none that is allowed');
  settings = { ...settings, allowPrivateTargets: true };
  t.true(targets.allows('10.0.1.7', '198.51.100.7'));
  t.false(targets.allows('169.254.169.254', '198.51.100.7'));
});
