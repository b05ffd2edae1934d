import test from 'ava';
import { TestRtspClient } from '../../support/rtsp-client.ts';
import { jumpsOf, NUMBERED_CONTROLS, NUMBERED_SDP, NumberedPublisher, numbersOf } from '../../support/rtsp-media.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

/** On a busy machine. */
const LONG_MS = 60_000;

for (const transport of ['tcp', 'udp'] as const) {
  test(`readers of a publisher over ${transport} who is cut off go on when he is back, without a step in numbers or another source`, async (t) => {
    t.timeout(120_000);
    const [port = 0] = await freePorts(1);
    const server = await startTestKernel({ plugins: { rtsp: { port } } });
    const clients: TestRtspClient[] = [];
    const client = (): TestRtspClient => {
      const made = new TestRtspClient(port, 'returning');
      clients.push(made);
      return made;
    };
    t.teardown(async () => {
      for (const each of clients) each.close();
      await server.stop();
    });
    const publish = async (): Promise<{ readonly connection: TestRtspClient; readonly media: NumberedPublisher }> => {
      const connection = client();
      await connection.record(transport, NUMBERED_SDP, NUMBERED_CONTROLS);
      return { connection, media: new NumberedPublisher(connection) };
    };
    const stream = () => server.kernel.parts.media.find('returning');
    const first = await publish();
    const readers = [client(), client()] as const;
    await readers[0].play('tcp');
    await readers[1].play('udp');
    for (let count = 0; count < 12; count++) first.media.next();
    for (const reader of readers) await until(() => numbersOf(reader).sounds.includes(11), 'the last sound of the first publisher', LONG_MS);
    const id = stream()?.id;
    // As a power cut does: no TEARDOWN.
    first.connection.close();
    await until(() => stream()?.state === 'suspended', 'the break', LONG_MS);

    const second = await publish();
    const before = readers.map((reader) => numbersOf(reader).pictures.length);
    for (let count = 0; count < 12; count++) second.media.next();
    for (const [at, reader] of readers.entries()) {
      await until(() => numbersOf(reader).sounds.at(-1) === 11 && numbersOf(reader).pictures.length >= (before[at] ?? 0) + 12, 'the pictures of the second publisher', LONG_MS);
      t.deepEqual(numbersOf(reader).pictures.slice(before[at]), Array.from({ length: 12 }, (_, number) => number));
      for (const channel of [0, 2]) t.is(jumpsOf(reader, channel), 0);
      t.is(new Set(reader.packets.map(({ rtp }) => rtp.ssrc)).size, 2);
      t.false(reader.closed);
    }
    t.is(stream()?.id, id);
  });
}
