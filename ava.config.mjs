/** Test files are bundled first (test/support/bundle-tests.mjs); ava runs the result in child processes. */
export default {
  files: ['.build/test/**/*.test.js'],
  workerThreads: false,
  timeout: '90s',
  nodeArguments: ['--enable-source-maps', '--expose-gc'],
};
