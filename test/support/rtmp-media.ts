import { readFileSync } from 'node:fs';
import { FlvReader, parseVideoBody } from '../../core/formats/flv.ts';
import { NEED_MORE } from '../../core/formats/need-more.ts';
import type { RtmpMessage } from '../../plugins/rtmp/wire/message.ts';
import { MESSAGE_TYPE } from '../../plugins/rtmp/wire/message.ts';

/** Bodies of the audio and video configuration of a real H.264 and AAC file. */
export function realConfigs(): { readonly video: Uint8Array; readonly audio: Uint8Array } {
  const reader = new FlvReader();
  reader.push(readFileSync('test/golden/formats/flv/h264-aac.flv'));
  const bodies = new Map<number, Uint8Array>();
  for (let tag = reader.next(); tag !== NEED_MORE; tag = reader.next()) {
    if (tag.type === 'audio' || tag.type === 'video') {
      const number = tag.type === 'audio' ? 8 : 9;
      if (!bodies.has(number)) bodies.set(number, tag.body.slice());
    }
  }
  return { video: bodies.get(9)!, audio: bodies.get(8)! };
}

/** A video message of the classic H.264 form whose picture is only its number, padded to a length. */
export function numberedPicture(streamId: number, number: number, key: boolean, length = 200, compositionMs = 0): RtmpMessage {
  const payload = Buffer.alloc(5 + length, number & 0xff);
  payload[0] = key ? 0x17 : 0x27;
  payload[1] = 1;
  payload.writeIntBE(compositionMs, 2, 3);
  payload.writeUInt32BE(number, 5);
  return { type: MESSAGE_TYPE.video, streamId, timestampMs: number * 40, payload };
}

/** An AAC message that is only its number. */
export function numberedSound(streamId: number, number: number): RtmpMessage {
  const payload = Buffer.alloc(40, 1);
  payload[0] = 0xaf;
  payload[1] = 1;
  payload.writeUInt32BE(number, 2);
  return { type: MESSAGE_TYPE.audio, streamId, timestampMs: number * 40 + 3, payload };
}

/** The numbers of the pictures in what a player was sent, in order. */
export function pictureNumbers(messages: readonly RtmpMessage[]): number[] {
  return messages.filter(({ type }) => type === MESSAGE_TYPE.video).flatMap(({ payload }) => {
    const [packet] = parseVideoBody(payload);
    return packet?.packet === 'frame' ? [Buffer.from(packet.data).readUInt32BE(0)] : [];
  });
}

/** The numbers of the sounds in what a player was sent, in order. */
export function soundNumbers(messages: readonly RtmpMessage[]): number[] {
  return messages.filter(({ type, payload }) => type === MESSAGE_TYPE.audio && payload[1] === 1).map(({ payload }) => Buffer.from(payload).readUInt32BE(2));
}
