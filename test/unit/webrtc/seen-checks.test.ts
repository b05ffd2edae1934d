import test from 'ava';
import { SEEN_CHECKS, SeenChecks } from '../../../plugins/webrtc/session/seen-checks.ts';

const id = (number: number): Buffer => {
  const bytes = Buffer.alloc(12, 9);
  bytes.writeUInt32BE(number);
  return bytes;
};

test('the last checks are remembered, older ones are forgotten, and a copy goes on', (t) => {
  let seen = new SeenChecks();
  t.false(seen.has(id(0)), 'an empty memory holds no id of zeros');
  for (let number = 0; number < SEEN_CHECKS + 10; number++) seen.add(id(number));
  seen = new SeenChecks(structuredClone(seen.state()));
  t.false(seen.has(id(9)));
  t.true(seen.has(id(10)));
  t.true(seen.has(id(SEEN_CHECKS + 9)));
  seen.add(id(5000));
  t.false(seen.has(id(10)));
});
