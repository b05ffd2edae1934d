import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { HandshakeReassembler } from '../../../core/rtp/dtls/handshake-message.ts';
import { parseRecords, writeRecord } from '../../../core/rtp/dtls/record.ts';
import { ipToBytes } from '../../../plugins/webrtc/wire/ip-bytes.ts';
import { frame4571, FrameReader4571, FRAME_MAX_BYTES } from '../../../plugins/webrtc/wire/rfc4571.ts';
import { hasIntegrity, integrityKey, parseStun } from '../../../plugins/webrtc/wire/stun.ts';
import { writeStun } from '../../../plugins/webrtc/wire/stun-write.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const attribute = fc.record({ type: fc.integer({ min: 0x30, max: 0x7000 }), value: bytes(60) });
const outline = fc.record({
  class: fc.constantFrom('request' as const, 'indication' as const, 'success' as const, 'error' as const),
  transactionId: fc.uint8Array({ minLength: 12, maxLength: 12 }),
  attributes: fc.array(attribute, { maxLength: 12 }),
});

/** True when nothing but a ProtocolError is thrown. */
function isContained(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    return error instanceof ProtocolError;
  }
}

test('a STUN message that is written is read again as it was, and its integrity holds', (t) => {
  fc.assert(
    fc.property(outline, fc.string({ minLength: 1, maxLength: 40 }), (written, password) => {
      const datagram = writeStun({ ...written, key: integrityKey(password) });
      const message = parseStun(datagram);
      t.is(message.class, written.class);
      t.deepEqual(message.attributes.map(({ type, start, end }) => ({ type, value: datagram.subarray(start, end) })), written.attributes.map(({ type, value }) => ({ type, value })));
      return hasIntegrity(message, integrityKey(password)) && !hasIntegrity(message, integrityKey(`${password}'`));
    }),
  );
});

test('a STUN message that is cut or altered throws nothing but a ProtocolError', (t) => {
  fc.assert(
    fc.property(outline, fc.nat(400), fc.nat(400), fc.nat(255), (written, cut, at, value) => {
      const datagram = writeStun({ ...written, key: integrityKey('secret') });
      const altered = Buffer.from(datagram);
      if (at < altered.length) altered[at] = value;
      return isContained(() => parseStun(altered)) && (cut >= datagram.length || isContained(() => parseStun(datagram.subarray(0, cut))));
    }),
  );
  t.pass();
});

test('any split of a framed byte stream gives the same packets, also when the reader is exchanged in between', (t) => {
  fc.assert(
    fc.property(fc.array(bytes(300), { maxLength: 8 }), fc.array(fc.nat(60), { maxLength: 30 }), (packets, cuts) => {
      const stream = Buffer.concat(packets.map((packet) => frame4571(packet)));
      const read: Buffer[] = [];
      let reader = new FrameReader4571();
      let offset = 0;
      for (const size of [...cuts, stream.length]) {
        reader.push(stream.subarray(offset, offset + size), (packet) => read.push(packet) > 0);
        reader = new FrameReader4571(structuredClone(reader.unread));
        offset += size;
      }
      t.deepEqual(read, packets.filter(({ length }) => length > 0));
    }),
  );
});

test('a frame that announces too much ends the stream', (t) => {
  const reader = new FrameReader4571();
  t.throws(() => reader.push(Buffer.from([(FRAME_MAX_BYTES + 1) >> 8, (FRAME_MAX_BYTES + 1) & 0xff]), () => true), { name: 'ProtocolError' });
});

test('records that are written are read again; cut or altered ones throw nothing but a ProtocolError', (t) => {
  const record = fc.record({ type: fc.integer({ min: 20, max: 25 }), epoch: fc.nat(2), sequence: fc.nat(2 ** 31), body: bytes(80) });
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 6 }), fc.nat(500), fc.nat(500), fc.nat(255), (records, cut, at, value) => {
      const datagram = Buffer.concat(records.map((each) => writeRecord(each)));
      t.deepEqual(parseRecords(datagram).map(({ type, epoch, sequence, body }) => ({ type, epoch, sequence, body })), records);
      const altered = Buffer.from(datagram);
      if (at < altered.length) altered[at] = value;
      return isContained(() => parseRecords(altered)) && isContained(() => parseRecords(datagram.subarray(0, cut)));
    }),
  );
});

test('handshake messages come out whole and in order, however they are cut, mixed and repeated', (t) => {
  const piece = fc.record({ message: fc.nat(4), from: fc.double({ min: 0, max: 1, noNaN: true }), share: fc.double({ min: 0.1, max: 1, noNaN: true }) });
  fc.assert(
    fc.property(fc.array(bytes(200), { minLength: 5, maxLength: 5 }), fc.array(piece, { maxLength: 60 }), (bodies, pieces) => {
      const reassembler = new HandshakeReassembler();
      const out: { sequence: number; body: Buffer }[] = [];
      const push = (sequence: number, offset: number, size: number): void => {
        const body = bodies[sequence] ?? Buffer.alloc(0);
        const data = body.subarray(offset, offset + size);
        const head = Buffer.alloc(12);
        head.writeUInt8(11, 0);
        head.writeUIntBE(body.length, 1, 3);
        head.writeUInt16BE(sequence, 4);
        head.writeUIntBE(offset, 6, 3);
        head.writeUIntBE(data.length, 9, 3);
        reassembler.push(Buffer.concat([head, data]), (message, repeated) => {
          if (!repeated) out.push({ sequence: message.sequence, body: message.body });
        });
      };
      for (const { message, from, share } of pieces) {
        const length = bodies[message]?.length ?? 0;
        push(message, Math.floor(from * length), Math.ceil(share * length));
      }
      for (const [sequence, body] of bodies.entries()) push(sequence, 0, body.length);
      t.deepEqual(out, bodies.map((body, sequence) => ({ sequence, body })));
    }),
  );
});

test('an address is the bytes that it says', (t) => {
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV6(), (v4, v6) => {
      t.deepEqual([...ipToBytes(v4)], v4.split('.').map(Number));
      const canonical = new URL(`http://[${v6}]`).hostname.slice(1, -1);
      t.deepEqual(ipToBytes(v6), ipToBytes(canonical));
      return ipToBytes(v6).length === 16;
    }),
  );
  for (const wrong of ['', '1.2.3', '1.2.3.256', '1..2.3', '.1.2.3', '1.2.3.', '1.2.3.4.5', '0001.2.3.4', '1.2.3.4a', 'host', '1:2:3:4:5:6:7', '1::2::3', '1:2:3:4:5:6:7:8:9', '::12345', '1:2:3:4:5:6:7::8', '::1.2.3']) t.throws(() => ipToBytes(wrong), { name: 'ProtocolError' }, wrong);
  t.deepEqual([...ipToBytes('::ffff:192.0.2.1')].slice(10), [0xff, 0xff, 192, 0, 2, 1]);
});
