import { connect } from 'node:net';
import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { WEB_BODY_MAX_BYTES, type WebRequest } from '../../../core/web/web-routes.ts';
import { startHttpApp } from '../../support/http-app.ts';

test('Another plugin answers below its prefix, without credentials, and gets the request as plain data', async (t) => {
  const server = await startHttpApp();
  const seen: WebRequest[] = [];
  server.web.register({
    prefix: '/whip/',
    methods: ['POST', 'PATCH'],
    handle: (request) => {
      seen.push(request);
      return Promise.resolve({ status: 201, headers: { Location: '/whip/x/1', Link: ['<a>', '<b>'] }, body: 'v=0' });
    },
  });
  const response = await fetch(`${server.base}/whip/my%20stream?A=1`, { method: 'POST', headers: { 'content-type': 'application/sdp', authorization: 'Bearer t' }, body: 'offer' });
  t.is(response.status, 201);
  t.is(await response.text(), 'v=0');
  t.is(response.headers.get('location'), '/whip/x/1');
  t.is(response.headers.get('link'), '<a>, <b>');
  const [request] = seen;
  t.like(request, { method: 'POST', path: '/whip/my%20stream', remoteAddress: '127.0.0.1', encrypted: false });
  t.is(request?.query.get('A'), '1');
  t.is(request?.headers.authorization, 'Bearer t');
  t.is(String(request?.body), 'offer');
  await server.close();
});

test('Errors of a route are answered like those of an operation; methods and lengths are checked before it', async (t) => {
  const server = await startHttpApp();
  server.web.register({ prefix: '/fails/', methods: ['POST'], handle: () => Promise.reject(new WcsError('MEDIA_E_NAME_IN_USE', 'Stream name is already in use')) });
  server.web.register({ prefix: '/breaks/', methods: ['GET'], handle: () => Promise.reject(new TypeError('secret internals')) });
  const conflict = await fetch(`${server.base}/fails/x`, { method: 'POST' });
  t.is(conflict.status, 409);
  t.deepEqual(await conflict.json(), { error: { code: 'MEDIA_E_NAME_IN_USE', message: 'Stream name is already in use' } });
  const wrong = await fetch(`${server.base}/fails/x`, { method: 'PUT' });
  t.is(wrong.status, 405);
  t.is(wrong.headers.get('allow'), 'POST');
  const long = await fetch(`${server.base}/fails/x`, { method: 'POST', body: Buffer.alloc(WEB_BODY_MAX_BYTES + 1) });
  t.is(long.status, 413);
  const fault = await fetch(`${server.base}/breaks/x`);
  t.is(fault.status, 500);
  t.false((await fault.text()).includes('secret'));
  t.is(server.errors.length, 1);
  await server.close();
});

test('A client that goes away in the middle of its body is no fault in the log', async (t) => {
  const server = await startHttpApp();
  let handled = 0;
  server.web.register({ prefix: '/whip/', methods: ['POST'], handle: () => Promise.resolve({ status: 200 + handled++ }) });
  const socket = connect(server.port, '127.0.0.1');
  socket.write('POST /whip/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf');
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.destroy();
  await server.app.idle();
  t.is((await fetch(`${server.base}/whip/y`, { method: 'POST' })).status, 200, 'the first one was never handed on');
  t.deepEqual(server.errors, []);
  await server.close();
});
