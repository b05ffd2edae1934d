import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import type { TcpLease } from '../../../core/api.ts';
import { listenWithFallback } from '../../../plugins/rtsp/server/rtsp-server.ts';
import { settingsSchema } from '../../../plugins/rtsp/settings.ts';

/** A system that refuses some ports, and what was tried and said. */
function systemThat(refuses: Readonly<Record<number, string>>, settings: Readonly<Record<string, unknown>> = {}) {
  const tried: number[] = [];
  const said: string[] = [];
  const context = { settings: settingsSchema.parse(settings), log: { info: (text: string) => void said.push(text) } } as unknown as Parameters<typeof listenWithFallback>[0];
  const listen = (port: number): Promise<TcpLease> => {
    tried.push(port);
    const errno = refuses[port];
    return errno === undefined ? Promise.resolve({ address: { host: '127.0.0.1', port } } as TcpLease) : Promise.reject(new WcsError('NET_E_LISTEN', 'Refused', { details: { errno } }));
  };
  return { tried, said, lease: listenWithFallback(context, listen) };
}

test('without a setting the server listens on 554', async (t) => {
  const { tried, said, lease } = systemThat({});
  t.is((await lease).address.port, 554);
  t.deepEqual([tried, said], [[554], []]);
});

test('where 554 is not permitted it listens on 8554, and says so', async (t) => {
  for (const errno of ['EACCES', 'EPERM']) {
    const { tried, said, lease } = systemThat({ 554: errno });
    t.is((await lease).address.port, 8554);
    t.deepEqual(tried, [554, 8554]);
    t.regex(said[0] ?? '', /8554.*554 needs root/);
  }
});

test('a port that is in use, or that the settings name, has no other one in its place', async (t) => {
  const inUse = systemThat({ 554: 'EADDRINUSE' });
  await t.throwsAsync(inUse.lease, { code: 'NET_E_LISTEN' });
  const named = systemThat({ 700: 'EACCES' }, { port: 700 });
  await t.throwsAsync(named.lease, { code: 'NET_E_LISTEN' });
  t.deepEqual([inUse.tried, named.tried], [[554], [700]]);
});
