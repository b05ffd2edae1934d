/** Codecs that the multiplexer has a stream type for. */
export type TsCodec = 'h264' | 'hevc' | 'aac' | 'mp3' | 'opus';

/** One elementary stream of the program. */
export interface TsStream {
  /** Packet id, 0x20 to 0x1ffe, unique and not `PMT_PID`. */
  readonly pid: number;
  readonly codec: TsCodec;
  /** Channels of an Opus stream, 1 or 2; the other codecs carry theirs in band. Default 2. */
  readonly channels?: 1 | 2;
}

/** Size of every packet of a transport stream. */
export const TS_PACKET_BYTES = 188;
/** Packet id of the program map table. */
export const PMT_PID = 0x1000;

/** Whether `codec` is a picture codec: its stream carries the program clock. */
export function isVideo(codec: TsCodec): boolean {
  return codec === 'h264' || codec === 'hevc';
}

/** The stream that carries the program clock: the first video stream, otherwise the first stream. */
export function clockStreamOf(streams: readonly TsStream[]): TsStream {
  const clock = streams.find((stream) => isVideo(stream.codec)) ?? streams[0];
  if (clock === undefined) throw new RangeError('A program has one stream at least');
  return clock;
}
