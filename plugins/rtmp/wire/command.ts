import { ProtocolError } from 'wcs-core';
import { decodeAmf0, decodeAmf3, encodeAmf0, type AmfValue } from 'wcs-core/formats/amf';
import { MESSAGE_TYPE, type RtmpMessage } from './message.ts';

/** A remote call, e.g. `publish`. @see RTMP 1.0 section 7.1.1 */
export interface Command {
  readonly name: string;
  /** 0 where no answer is wanted. */
  readonly transactionId: number;
  /** The command object: null but for `connect`. */
  readonly object: AmfValue;
  readonly args: readonly AmfValue[];
}

/** Reads a command message of either encoding. @throws ProtocolError when it is cut or nameless */
export function parseCommand(message: RtmpMessage): Command {
  const [name, transactionId, object = null, ...args] = decodeValues(message, MESSAGE_TYPE.commandAmf3);
  if (typeof name !== 'string') throw new ProtocolError('RTMP: a command without a name');
  return { name, transactionId: typeof transactionId === 'number' ? transactionId : 0, object, args };
}

/** Reads the values of a data message of either encoding, e.g. `@setDataFrame`, `onMetaData`, {...}. @throws ProtocolError */
export function parseData(message: RtmpMessage): readonly AmfValue[] {
  return decodeValues(message, MESSAGE_TYPE.dataAmf3);
}

/** A command for the peer, in AMF0, which every peer reads. */
export function commandMessage(streamId: number, name: string, transactionId: number, ...values: readonly AmfValue[]): RtmpMessage {
  return { type: MESSAGE_TYPE.commandAmf0, streamId, timestampMs: 0, payload: encodeAmf0([name, transactionId, ...values]) };
}

/** A data message for the peer. */
export function dataMessage(streamId: number, timestampMs: number, ...values: readonly AmfValue[]): RtmpMessage {
  return { type: MESSAGE_TYPE.dataAmf0, streamId, timestampMs, payload: encodeAmf0(values) };
}

/** The AMF3 message types start with a format byte, and in practice hold AMF0 values that switch to AMF3 where needed. */
function decodeValues({ type, payload }: RtmpMessage, amf3Type: number): AmfValue[] {
  if (type !== amf3Type) return decodeAmf0(payload);
  return payload[0] === 0 ? decodeAmf0(payload.subarray(1)) : decodeAmf3(payload);
}
