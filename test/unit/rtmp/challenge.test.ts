import test from 'ava';
import { isProof, meetChallenge, type ChallengeFacts } from '../../../plugins/rtmp/session/challenge.ts';

const REJECTED = '[ AccessManager.Reject ] : ';
const FACTS: Omit<ChallengeFacts, 'description'> = { credentials: { user: 'publisher', password: 's3cret+/=' }, app: 'live', answered: false, nonce: '0a1b2c3d' };
const meet = (description: string, more: Partial<ChallengeFacts> = {}) => meetChallenge({ ...FACTS, description: REJECTED + description, ...more });

test('a refusal that names a scheme is answered with the user', (t) => {
  t.deepEqual(meet('[ code=403 need auth; authmod=adobe ] : '), { type: 'answer', query: 'authmod=adobe&user=publisher' });
  t.deepEqual(meet('[ code=403 need auth; authmod=llnw ] : '), { type: 'answer', query: 'authmod=llnw&user=publisher' });
});

// The responses were worked out with Python's hashlib.
test('Adobe\'s challenge is answered with or without its opaque value', (t) => {
  const asked = '[ authmod=adobe ] : ?reason=needauth&user=publisher&salt=mQx+Zg==&challenge=';
  t.deepEqual(meet(`${asked}9Jh/pA==&opaque=9Jh/pA==`), { type: 'answer', query: 'authmod=adobe&user=publisher&challenge=0a1b2c3d&response=fVh7NNIUGw9qCPTE8J7bXw==&opaque=9Jh/pA==' });
  t.deepEqual(meet(`${asked}Cha+ll==`), { type: 'answer', query: 'authmod=adobe&user=publisher&challenge=0a1b2c3d&response=isMJcHkaAAB4KQ4Sm9o2cA==' });
});

test('Limelight\'s challenge is answered for an application with and without an instance', (t) => {
  const asked = '[ authmod=llnw ] : ?reason=needauth&user=publisher&nonce=bm9uY2U=';
  const query = (response: string) => ({ type: 'answer', query: `authmod=llnw&user=publisher&nonce=bm9uY2U=&cnonce=0a1b2c3d&nc=00000001&response=${response}` });
  t.deepEqual(meet(asked), query('bd31be8bf446cce387b2dd54d5490e56'));
  t.deepEqual(meet(asked, { app: 'live/?a=1' }), query('bd31be8bf446cce387b2dd54d5490e56'));
  t.deepEqual(meet(asked, { app: 'live/room' }), query('82b5b67312c344c955e95ab7a11e0102'));
});

test('a wrong password is tried once, and none is made up', (t) => {
  const needAuth = '[ authmod=adobe ] : ?reason=needauth&user=publisher&salt=a&challenge=b';
  t.like(meet(needAuth, { answered: true }), { type: 'refused' });
  t.like(meet('[ authmod=adobe ] : ?reason=authfailed&opaque=x'), { type: 'refused' });
  t.like(meet('[ authmod=llnw ] : ?reason=nosuchuser'), { type: 'refused' });
  t.like(meet('[ code=403 need auth; authmod=adobe ] : ', { credentials: undefined }), { type: 'refused', reason: 'the server wants a user and a password: rtmp://USER:PASSWORD@HOST/…' });
  t.like(meet('[ authmod=adobe ] : '), { type: 'refused' });
});

test('other refusals are no challenge', (t) => {
  for (const description of ['', 'Application not found', '[ authmod=basic ]', '?reason=needauth']) t.is(meet(description), undefined, description);
});

test('only the second answer holds a proof', (t) => {
  t.false(isProof('authmod=adobe&user=x'));
  t.true(isProof('authmod=adobe&user=x&challenge=1&response=2'));
});
