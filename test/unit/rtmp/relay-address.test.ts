import test from 'ava';
import { parseRelayAddress, serverOf, shownAddress, tcUrlOf } from '../../../plugins/rtmp/session/relay-address.ts';

const parts = (text: string, named = true) => {
  const { app, streamName, authority, secure } = parseRelayAddress(text, named);
  return [secure ? 's' : '', authority, app, streamName];
};

test('the last part of the path names the stream, what stands before it the application', (t) => {
  t.deepEqual(parts('rtmp://host/live/name'), ['', 'host', 'live', 'name']);
  t.deepEqual(parts('rtmps://host:1936/app/instance/name?token=1'), ['s', 'host:1936', 'app/instance', 'name?token=1']);
  t.deepEqual(parts('rtmp://host/live/name?next=http://x/y'), ['', 'host', 'live', 'name?next=http://x/y']);
  t.deepEqual(parts('rtmp://host/live?A=1&B=2/name?C=3'), ['', 'host', 'live?A=1&B=2', 'name?C=3']);
  t.deepEqual(parts('rtmp://[::1]:1935//live//name/'), ['', '[::1]:1935', 'live', 'name']);
});

test('without a name all of the path is the application', (t) => {
  t.deepEqual(parts('rtmp://host/live', false), ['', 'host', 'live', '']);
  t.deepEqual(parts('rtmp://host/app/instance/?token=1', false), ['', 'host', 'app/instance/?token=1', '']);
});

test('user and password are read in their plain form and shown to nobody', (t) => {
  const address = parseRelayAddress('rtmp://us%40er:p%3Ass@host/live/name', true);
  t.deepEqual(address.credentials, { user: 'us@er', password: 'p:ss' });
  t.is(shownAddress(address), 'rtmp://us%40er@host/live/name');
  t.is(tcUrlOf(address), 'rtmp://host/live');
  t.is(serverOf(parseRelayAddress('rtmp://u:p@host/live?key=1/name', true)), 'rtmp://host/live');
});

test('what is no address is refused in a sentence that repeats nothing of it', (t) => {
  for (const text of ['', 'live', 'http://u:secret@host/live/name', 'rtmp://', 'rtmp:///live/name', 'rtmp://u:secret@host', 'rtmp://u:secret@host/', 'rtmp://u:secret@host/live', 'rtmp://u:secret@ho st/live/name', 'rtmp://u:secret@host:99999/live/name']) {
    const error = t.throws(() => parseRelayAddress(text, true), { code: 'OPERATION_E_INPUT' }, text);
    t.false(error.message.includes('secret'), text);
  }
  t.throws(() => parseRelayAddress('rtmp://host', false), { code: 'OPERATION_E_INPUT' });
});
