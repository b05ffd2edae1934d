/** Files that take longest, half a minute and more: one that began last would leave the other core without work. */
const LONG = [
  'interop/package/package',
  'interop/rtsp/camera',
  'interop/webrtc/dtls-flights',
  'interop/webrtc/whip-whep',
  'interop/recorder/containers',
  'e2e/http/publish',
  'e2e/server/whole-server',
  'e2e/http/player-webrtc',
  'e2e/sip/sdk-calls',
  'e2e/http/pages',
];

/** Place of a file in the list; behind it for all others. */
function rank(file) {
  const at = LONG.findIndex((name) => file.endsWith(`.build/test/${name}.test.js`));
  return at < 0 ? LONG.length : at;
}

/** Test files are bundled first (test/support/bundle-tests.mjs); ava runs the result in child processes. */
export default {
  files: ['.build/test/**/*.test.js', '.build/test-groups/**/*.test.js'],
  workerThreads: false,
  timeout: '90s',
  nodeArguments: ['--enable-source-maps', '--expose-gc'],
  sortTestFiles: (a, b) => rank(a) - rank(b),
};
