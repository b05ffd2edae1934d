import type { MessageStatus, TextMessage } from 'wcs-core';
import { encodeEnvelope } from './envelope.ts';

/** State of a stream as the client knows it; the last three are final. */
export type StreamStatus = 'PUBLISHING' | 'PLAYING' | 'PAUSED' | 'UNPUBLISHED' | 'STOPPED' | 'FAILED';

/** The stream object of status events. @see WebSocket signalling section 5.1 */
export interface StreamFacts {
  readonly appKey: string;
  readonly sessionId: string;
  readonly mediaSessionId: string;
  readonly name: string;
  readonly published: boolean;
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  readonly record: boolean;
  readonly width: number;
  readonly height: number;
  readonly bitrate: number;
  readonly quality: number;
  readonly mediaProvider: string;
}

/** What a subscriber is told about its stream. @see WebSocket signalling section 5.2 */
export interface StreamEvent {
  readonly mediaSessionId: string;
  readonly type: string;
  readonly payload?: unknown;
}

/** The call object. @see WebSocket signalling section 9.2 */
export type CallFacts = Readonly<Record<string, unknown>> & { readonly callId: string; readonly status: string };

/** Messages that carry a call. */
export type CallEventName = 'notifyTryingResponse' | 'ring' | 'talk' | 'hold' | 'finish' | 'notifyIncomingCall' | 'notifyTransferEvent';

/** A message to a client. @see WebSocket signalling section 12 */
export type ServerMessage =
  | { readonly type: 'ping' | 'pong' }
  | { readonly type: 'getUserData'; readonly user: Readonly<Record<string, unknown>> }
  | { readonly type: 'registered'; readonly user: Readonly<Record<string, unknown>> }
  /** Once for each media session: a second one would be taken for an offer. */
  | { readonly type: 'setRemoteSDP'; readonly id: string; readonly sdp: string }
  | { readonly type: 'notifyStreamStatusEvent'; readonly stream: StreamFacts; readonly status: StreamStatus; readonly info?: string; readonly recordName?: string }
  | { readonly type: 'notifyStreamEvent'; readonly event: StreamEvent }
  | { readonly type: 'availableStream'; readonly id: string; readonly available: boolean }
  | { readonly type: 'inboundVideoRate' | 'outboundVideoRate'; readonly mediaSessionId: string; readonly videoRate: number }
  | { readonly type: 'DataStatusEvent'; readonly operationId: string; readonly accepted: boolean; readonly info?: string }
  | { readonly type: 'OnDataEvent'; readonly operationId: string; readonly payload: unknown }
  | { readonly type: 'notifySessionDebugEvent'; readonly status: 'STARTED' | 'STOPPED'; readonly file: string }
  | { readonly type: 'call'; readonly name: CallEventName; readonly call: CallFacts }
  /** Only clients of the first-generation API know it. @see WebSocket signalling section 11 */
  | { readonly type: 'notifyMessage'; readonly message: TextMessage; readonly status: MessageStatus; readonly sipStatus?: number | undefined; readonly info?: string | undefined }
  | { readonly type: 'fail'; readonly apiMethod: string; readonly id?: string; readonly info: string };

/** The text frame of a message. */
export function encodeServerMessage(message: ServerMessage): string {
  switch (message.type) {
    case 'ping':
    case 'pong':
      return encodeEnvelope(message.type, [null]);
    case 'getUserData':
    case 'registered':
      return encodeEnvelope(message.type, [message.user]);
    case 'setRemoteSDP':
      return encodeEnvelope('setRemoteSDP', [message.id, message.sdp]);
    case 'notifyStreamStatusEvent':
      return encodeEnvelope('notifyStreamStatusEvent', [{ ...message.stream, status: message.status, ...infoOf(message), ...(message.recordName === undefined ? {} : { recordName: message.recordName }) }]);
    case 'notifyStreamEvent':
      return encodeEnvelope('notifyStreamEvent', [message.event]);
    case 'availableStream':
      // The text "true": a boolean is taken for no.
      return encodeEnvelope('availableStream', [{ id: message.id, status: String(message.available), info: message.available ? '' : 'Stream not found' }]);
    case 'inboundVideoRate':
    case 'outboundVideoRate':
      return encodeEnvelope(message.type, [{ mediaSessionId: message.mediaSessionId, videoRate: message.videoRate }]);
    case 'DataStatusEvent':
      return encodeEnvelope('DataStatusEvent', [{ operationId: message.operationId, status: message.accepted ? 'ACCEPTED' : 'FAILED', ...infoOf(message) }]);
    case 'OnDataEvent':
      return encodeEnvelope('OnDataEvent', [{ operationId: message.operationId, payload: message.payload }]);
    case 'notifySessionDebugEvent':
      return encodeEnvelope('notifySessionDebugEvent', [{ status: message.status, file: message.file }]);
    case 'call':
      return encodeEnvelope(message.name, [message.call]);
    case 'notifyMessage': {
      const { message: text, status, sipStatus, info } = message;
      // The client says by the second object that it has shown the text.
      return encodeEnvelope('notifyMessage', [{ ...text, status, sipStatus, info }, { id: text.id }]);
    }
    case 'fail':
      return encodeEnvelope('fail', [{ apiMethod: message.apiMethod, ...(message.id === undefined ? {} : { id: message.id }), status: 'FAILED', info: message.info }]);
  }
}

function infoOf({ info }: { readonly info?: string }): { readonly info?: string } {
  return info === undefined ? {} : { info };
}
