import type { StreamRequest } from '../wire/client-message.ts';
import { roomOfStream } from '../wire/room-command.ts';
import type { ServerMessage, StreamFacts, StreamStatus } from '../wire/server-message.ts';

/** How far a stream is: being authorised, being answered, waiting for its media to flow, flowing. */
export type StreamPhase = 'asking' | 'opening' | 'connecting' | 'live';

/** A stream that a client publishes or plays, as plain data. */
export interface MediaStream {
  readonly facts: StreamFacts;
  readonly provider: 'webrtc' | 'mse';
  /** Name on the server; the access chain may give another than the client's. */
  streamName: string;
  phase: StreamPhase;
  /** The room whose members hear of it. */
  readonly room?: string | undefined;
  /** What the client doesn't get, and what would mend it; goes with the status. */
  remark?: string | undefined;
  /** The client lets it stand until it plays it again. */
  paused?: boolean | undefined;
  /** File that the stream is recorded in, where its publisher asked for that; goes with the status. */
  recordName?: string | undefined;
}

/** A stream of which nothing is known but the request. */
export function mediaStream(request: StreamRequest, published: boolean, by: { readonly appKey: string; readonly sessionId: string }): MediaStream {
  const { mediaSessionId, name, hasVideo, hasAudio, record, width, height, bitrate, quality, mediaProvider } = request;
  return {
    facts: { ...by, mediaSessionId, name, published, hasVideo, hasAudio, record, width, height, bitrate, quality, mediaProvider },
    provider: mediaProvider === 'MSE' ? 'mse' : 'webrtc',
    streamName: name,
    phase: 'asking',
    room: roomOfStream(request.custom),
    // A size that is not published would be a transcoder's work.
    ...(published || width + height + bitrate + quality === 0 ? {} : { remark: 'Width, height, bitrate and quality choose among what is published; anything else needs a transcoder' }),
  };
}

/** A status event of the stream. */
export function statusOf({ facts, remark, recordName }: MediaStream, status: StreamStatus, info = remark): ServerMessage {
  return { type: 'notifyStreamStatusEvent', stream: facts, status, ...(info === undefined ? {} : { info }), ...(recordName === undefined ? {} : { recordName }) };
}
