import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { WebRoutes, type WebRoute } from '../../../core/web/web-routes.ts';

const route = (prefix: string, body = ''): WebRoute => ({ prefix, methods: ['GET'], handle: () => Promise.resolve({ status: 200, body }) });

test('The longest prefix answers, and of equals the newest', (t) => {
  const routes = new WebRoutes();
  const general = route('/a/');
  const special = route('/a/b/');
  routes.register(general);
  routes.register(special);
  t.is(routes.find('/a/b/c')?.handle, special.handle);
  t.is(routes.find('/a/bc')?.handle, general.handle);
  t.is(routes.find('/b'), undefined);
  const newer = route('/a/');
  const release = routes.register(newer);
  t.is(routes.find('/a/x')?.handle, newer.handle);
  release();
  t.is(routes.find('/a/x')?.handle, general.handle);
});

test('A prefix that is no path between slashes is refused', (t) => {
  for (const prefix of ['/', 'a/', '/a', '', '/a b/', '//', '/a//']) t.is(t.throws(() => new WebRoutes().register(route(prefix)), { instanceOf: WcsError }).code, 'PLUGIN_E_MANIFEST');
});
