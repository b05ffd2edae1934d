/** What an MSE viewer will get. */
export interface MseMedia {
  readonly video: boolean;
  /** Absent: no sound. */
  readonly audio?: { readonly sampleRateHz: number; readonly channels: number };
}

/** Payload types of the fixed offer, by sampling rate. */
const AAC_PAYLOAD_TYPES: ReadonlyMap<number, number> = new Map([
  [48_000, 108], [8_000, 96], [11_025, 97], [12_000, 98], [16_000, 99], [22_050, 100], [24_000, 104], [32_000, 102], [44_100, 103],
]);
const H264_PAYLOAD_TYPE = 112;

/**
 * The answer to the fixed offer of an MSE player, which looks at the ports alone: 0 says that a kind won't come.
 *
 * @see WebSocket signalling section 8.1
 */
export function mseAnswer({ video, audio }: MseMedia): string {
  const payloadType = AAC_PAYLOAD_TYPES.get(audio?.sampleRateHz ?? 0) ?? 108;
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=video ${video ? 1 : 0} RTP/AVP ${H264_PAYLOAD_TYPE}`,
    `a=rtpmap:${H264_PAYLOAD_TYPE} H264/90000`,
    'a=sendonly',
    `m=audio ${audio === undefined ? 0 : 1} RTP/AVP ${payloadType}`,
    `a=rtpmap:${payloadType} mpeg4-generic/${audio?.sampleRateHz ?? 48_000}/${audio?.channels ?? 1}`,
    'a=sendonly',
    '',
  ].join('\r\n');
}
