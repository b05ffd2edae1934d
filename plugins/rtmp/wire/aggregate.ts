import { ProtocolError } from 'wcs-core';
import { ByteCursor } from 'wcs-core/formats/byte-reader';
import { MESSAGE_TYPE, type RtmpMessage } from './message.ts';

/** Messages inside one aggregate, at most. */
const MAX_AGGREGATED = 4096;

/**
 * Splits an aggregate message into its messages. Their time stamps count from the first one's, which stands for the
 * aggregate's own time. Payloads share memory with the aggregate.
 *
 * @throws ProtocolError when one is cut, is itself an aggregate, or there are too many
 * @see RTMP 1.0 section 7.1.6
 */
export function splitAggregate(aggregate: RtmpMessage): RtmpMessage[] {
  const cursor = new ByteCursor(aggregate.payload);
  const messages: RtmpMessage[] = [];
  let firstMs: number | undefined;
  while (cursor.remaining > 0) {
    const at = cursor.position;
    const type = cursor.u8();
    const length = cursor.u24();
    // As in FLV: the upper byte of the time stamp comes last.
    const low = cursor.u24();
    const timestampMs = low + cursor.u8() * 0x1000000;
    cursor.skip(3);
    const payload = cursor.take(length);
    // The back pointer; some senders leave the last one out.
    cursor.skip(Math.min(4, cursor.remaining));
    if (type === MESSAGE_TYPE.aggregate) throw new ProtocolError('RTMP: an aggregate inside of an aggregate', at);
    if (messages.length >= MAX_AGGREGATED) throw new ProtocolError(`RTMP: more than ${MAX_AGGREGATED} messages in an aggregate`, at);
    firstMs ??= timestampMs;
    messages.push({ type, streamId: aggregate.streamId, timestampMs: (aggregate.timestampMs + timestampMs - firstMs) >>> 0, payload });
  }
  return messages;
}
