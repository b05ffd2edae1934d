import test from 'ava';
import { closeBrowsers } from './browser.ts';

test.after.always('browsers end', closeBrowsers);

/** For test files: the browser ends with the last test. */
export { openBrowser } from './browser.ts';
