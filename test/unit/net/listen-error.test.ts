import test from 'ava';
import { listenError } from '../../../core/net/listen-error.ts';

function errno(code: string): Error {
  return Object.assign(new Error(`bind ${code}`), { code });
}

const rtsp = { host: '0.0.0.0', port: 554, name: 'rtsp' };

test('a privileged port says which right it needs and which port would do', (t) => {
  const error = listenError(errno('EACCES'), rtsp);
  t.is(error.code, 'NET_E_LISTEN');
  t.is(error.message, 'Port 554 needs root or CAP_NET_BIND_SERVICE; set plugins.rtsp.port to 8554 or grant the capability.');
  t.is((error.cause as Error).message, 'bind EACCES');
});

test('a busy port says who has it and which setting to change', (t) => {
  t.is(listenError(errno('EADDRINUSE'), rtsp).message, 'Port 554 is in use by another program; stop it or set plugins.rtsp.port to another port.');
  t.regex(listenError(errno('EADDRINUSE'), { ...rtsp, setting: 'plugins.http.portTls' }, 'tcp:0.0.0.0:554').message, /own listener tcp:0\.0\.0\.0:554; set plugins\.http\.portTls/);
});

test('an address that is not ours points to network.host; anything else keeps the words of the system', (t) => {
  t.regex(listenError(errno('EADDRNOTAVAIL'), { ...rtsp, host: '192.0.2.7' }).message, /no address 192\.0\.2\.7; set network\.host/);
  t.regex(listenError(errno('EMFILE'), rtsp).message, /0\.0\.0\.0 port 554 .* bind EMFILE/);
});
