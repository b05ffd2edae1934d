import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { encodeRange, parseRange } from '../../../plugins/rtsp/wire/range.ts';
import { encodeRtpInfo, parseRtpInfo } from '../../../plugins/rtsp/wire/rtp-info.ts';
import { parseRtspUrl } from '../../../plugins/rtsp/wire/rtsp-url.ts';
import { encodeSession, parseSession } from '../../../plugins/rtsp/wire/session-header.ts';
import { encodeTransport, parseTransport } from '../../../plugins/rtsp/wire/transport.ts';

test('transports of clients and servers are read in their order', (t) => {
  t.deepEqual(parseTransport('RTP/AVP/TCP;unicast;interleaved=0-1, RTP/AVP;multicast;ttl=127;mode="PLAY", RAW/RAW/UDP;unicast'), [
    { profile: 'RTP/AVP', lower: 'tcp', cast: 'unicast', mode: 'play', interleaved: [0, 1] },
    { profile: 'RTP/AVP', lower: 'udp', cast: 'multicast', mode: 'play' },
  ]);
  t.deepEqual(parseTransport('rtp/avp/udp; unicast; client_port=5000; server_port=6000-6001; ssrc=1a2B; source=10.0.0.1; mode=record'), [
    { profile: 'RTP/AVP', lower: 'udp', cast: 'unicast', mode: 'record', clientPort: [5000, 5001], serverPort: [6000, 6001], ssrc: 0x1a2b, source: '10.0.0.1' },
  ]);
});

test('numbers that are no ports, channels or sources are left out', (t) => {
  t.deepEqual(parseTransport('RTP/AVP;unicast;client_port=70000-70001;ssrc=zz;interleaved=255'), [{ profile: 'RTP/AVP', lower: 'udp', cast: 'unicast', mode: 'play' }]);
  t.deepEqual(parseTransport(''), []);
});

test('a transport is written as it is read', (t) => {
  const text = 'RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=0000ABCD;mode=record';
  t.is(encodeTransport(...parseTransport(text)), text);
});

test('ranges are in normal play time', (t) => {
  t.deepEqual(parseRange('npt=0.000-'), { startS: 0 });
  t.deepEqual(parseRange('npt = now -'), { startS: 'now' });
  t.deepEqual(parseRange('npt=-20.5'), { startS: 0, endS: 20.5 });
  t.deepEqual(parseRange('npt=00:01:02.5-3600;time=19970123T143720Z'), { startS: 62.5, endS: 3600 });
  t.is(parseRange('clock=19961108T142300Z-'), undefined);
  t.is(parseRange('npt=a-b'), undefined);
  t.is(encodeRange({ startS: 'now' }), 'npt=now-');
  t.is(encodeRange({ startS: 1.5, endS: 20 }), 'npt=1.500-20.000');
});

test('RTP-Info is read with commas and semicolons in the address', (t) => {
  t.deepEqual(parseRtpInfo('url=rtsp://h/a,b;c=1/track1;seq=45102;rtptime=2890844526,url=track2;rtptime=1 ;seq=70000'), [
    { url: 'rtsp://h/a,b;c=1/track1', sequence: 45102, rtpTime: 2890844526 },
    { url: 'track2', rtpTime: 1 },
  ]);
  t.deepEqual(parseRtpInfo('nonsense'), []);
  t.is(encodeRtpInfo([{ url: 'rtsp://h/1', sequence: 1, rtpTime: 2 }, { url: 'rtsp://h/2' }]), 'url=rtsp://h/1;seq=1;rtptime=2,url=rtsp://h/2');
});

test('a session has a timeout, sixty seconds where none is said', (t) => {
  t.deepEqual(parseSession('ab12;timeout=30'), { id: 'ab12', timeoutS: 30 });
  t.deepEqual(parseSession(' ab12 ; Timeout = "5"'), { id: 'ab12', timeoutS: 5 });
  t.deepEqual(parseSession('ab12;timeout=0'), { id: 'ab12', timeoutS: 60 });
  t.is(parseSession(';timeout=3'), undefined);
  t.is(encodeSession({ id: 'x', timeoutS: 60 }), 'x;timeout=60');
});

test('an address is taken apart, and its credentials leave it', (t) => {
  t.deepEqual(parseRtspUrl('rtsp://admin:p%40ss%2Fw@192.0.2.7/live?ch=1&sub=0'), {
    secure: false, host: '192.0.2.7', port: 554, requestUri: 'rtsp://192.0.2.7/live?ch=1&sub=0', credentials: { user: 'admin', password: 'p@ss/w' },
  });
  t.deepEqual(parseRtspUrl('RTSPS://u:a@b:c%@[2001:db8::1]:8322'), {
    secure: true, host: '2001:db8::1', port: 8322, requestUri: 'rtsps://[2001:db8::1]:8322', credentials: { user: 'u', password: 'a@b:c%' },
  });
  t.is(parseRtspUrl('rtsps://cam/x').port, 322);
  t.is(parseRtspUrl('rtsp://cam:/x').port, 554);
});

test('an address with a fault is refused without being repeated', (t) => {
  for (const text of ['rtsp://', 'http://h/', 'rtsp://u:secret@h:70000/', 'rtsp://u:secret@h:0/', 'rtsp://u:secret@/x', 'rtsp://u:se#cret@h/', 'rtsp://h/a b']) {
    const error = t.throws(() => parseRtspUrl(text), { instanceOf: ProtocolError }, text);
    t.false(error.message.includes('secret'));
  }
});
