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
