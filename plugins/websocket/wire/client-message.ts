import type { TelephoneAccount, TextMessage } from 'wcs-core';
import { isRecord, parseEnvelope } from './envelope.ts';
import { MAX_ID_LENGTH, MAX_SDP_LENGTH, MAX_WORD_LENGTH } from './limits.ts';

/** Where media goes: by a peer connection of the browser, or over a second WebSocket. */
export type MediaProvider = 'WebRTC' | 'MSE' | 'WSPlayer' | 'Flash';

/** The first frame of a client. @see WebSocket signalling section 2.1 */
export interface ConnectionRequest {
  readonly appKey: string;
  readonly keepAlive: boolean;
  readonly authToken?: string;
  /** `clientBrowserVersion`. */
  readonly userAgent: string;
  readonly custom: unknown;
  /** The telephone account of the client, where it has one. */
  readonly account?: TelephoneAccount;
  /** Everything that the client said, to be echoed; the password is left out. */
  readonly echo: Readonly<Record<string, unknown>>;
}

/** A client's wish to publish or play. @see WebSocket signalling sections 3.1, 4 */
export interface StreamRequest {
  readonly mediaSessionId: string;
  readonly name: string;
  readonly sdp: string;
  readonly mediaProvider: string;
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  readonly record: boolean;
  readonly custom: unknown;
  /** Kilobits per second; 0 where not set. */
  readonly bitrate: number;
  readonly minBitrate: number;
  readonly maxBitrate: number;
  readonly width: number;
  readonly height: number;
  readonly quality: number;
  readonly transport?: 'udp' | 'tcp';
  /** The client would tell how its pictures are turned instead of turning them. @see 3GPP TS 26.114 section 7.4.5 */
  readonly orientation: boolean;
  /** Where the stream is to be republished. */
  readonly rtmpUrl?: string;
}

/** What a client says about a stream of its own. */
export const STREAM_EVENTS = ['audioMuted', 'audioUnmuted', 'videoMuted', 'videoUnmuted', 'data'] as const;
/** One of `STREAM_EVENTS`. */
export type StreamEventType = (typeof STREAM_EVENTS)[number];

/** Messages about telephone calls. @see WebSocket signalling section 9.1 */
export const CALL_MESSAGES = ['call', 'answer', 'hangup', 'hold', 'unhold', 'transfer', 'sendDtmf'] as const;
/** One of `CALL_MESSAGES`. */
export type CallMessageName = (typeof CALL_MESSAGES)[number];

/** A client's message. @see WebSocket signalling section 12 */
export type ClientMessage =
  | { readonly type: 'connection'; readonly request: ConnectionRequest }
  | { readonly type: 'connectMediaTransport'; readonly authToken: string }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  | { readonly type: 'publishStream' | 'playStream'; readonly stream: StreamRequest }
  | { readonly type: 'unPublishStream' | 'stopStream' | 'pauseStream'; readonly mediaSessionId: string; readonly name: string }
  | { readonly type: 'snapshot' | 'availableStream'; readonly mediaSessionId: string; readonly name: string }
  | { readonly type: 'sendStreamEvent'; readonly mediaSessionId: string; readonly event: StreamEventType; readonly payload: unknown }
  | { readonly type: 'sendData'; readonly operationId: string; readonly payload: unknown }
  | { readonly type: 'call'; readonly name: CallMessageName; readonly callId: string; readonly call: Readonly<Record<string, unknown>> }
  /** A text to a telephone; a word of the first-generation API. @see WebSocket signalling section 11 */
  | { readonly type: 'sendMessage'; readonly message: Omit<TextMessage, 'from'> }
  /** A text has been shown: nobody waits for that. */
  | { readonly type: 'notificationResult' }
  | { readonly type: 'sessionDebug'; readonly command: 'start' | 'stop' }
  | { readonly type: 'submitBugReport'; readonly report: unknown }
  | { readonly type: 'pushLogs'; readonly logs: string }
  | { readonly type: 'webRTCMetrics' }
  /** A name that means nothing to us, or an argument that makes no sense: answered, never fatal. */
  | { readonly type: 'unknown'; readonly name: string };

type Fields = Readonly<Record<string, unknown>>;

const PORTS = 65_536;

/**
 * Reads a client's text frame. Fields that are missing or of another type get their neutral value; numbers may be texts.
 *
 * @throws ProtocolError when the frame is no message at all
 */
export function parseClientMessage(text: string): ClientMessage {
  const { message, argument } = parseEnvelope(text);
  const fields: Fields = isRecord(argument) ? argument : {};
  return PARSERS.get(message)?.(fields) ?? { type: 'unknown', name: message.slice(0, MAX_WORD_LENGTH) };
}

const PARSERS: ReadonlyMap<string, (fields: Fields) => ClientMessage | undefined> = new Map<string, (fields: Fields) => ClientMessage | undefined>([
  ['connection', (fields) => ({ type: 'connection', request: connectionRequest(fields) })],
  ['connectMediaTransport', ({ authToken }) => ({ type: 'connectMediaTransport', authToken: word(authToken) })],
  ['ping', () => ({ type: 'ping' })],
  ['pong', () => ({ type: 'pong' })],
  ['publishStream', (fields) => ({ type: 'publishStream', stream: streamRequest(fields) })],
  ['playStream', (fields) => ({ type: 'playStream', stream: streamRequest(fields) })],
  ['unPublishStream', (fields) => ({ type: 'unPublishStream', ...target(fields) })],
  ['stopStream', (fields) => ({ type: 'stopStream', ...target(fields) })],
  ['pauseStream', (fields) => ({ type: 'pauseStream', ...target(fields) })],
  ['snapshot', (fields) => ({ type: 'snapshot', ...target(fields) })],
  ['availableStream', (fields) => ({ type: 'availableStream', ...target(fields) })],
  ['sendStreamEvent', streamEvent],
  ['sendData', ({ operationId, payload }) => ({ type: 'sendData', operationId: id(operationId), payload })],
  ...CALL_MESSAGES.map((name) => [name, (call: Fields): ClientMessage => ({ type: 'call', name, callId: id(call.callId), call })] as const),
  ['sendMessage', (fields) => ({ type: 'sendMessage', message: { id: id(fields.id), to: word(fields.to), body: string(fields.body, MAX_SDP_LENGTH), contentType: word(fields.contentType) || 'text/plain' } })],
  ['notificationResult', () => ({ type: 'notificationResult' })],
  ['sessionDebug', ({ command }) => (command === 'start' || command === 'stop' ? { type: 'sessionDebug', command } : undefined)],
  ['submitBugReport', (report) => ({ type: 'submitBugReport', report })],
  ['pushLogs', ({ logs }) => ({ type: 'pushLogs', logs: string(logs, MAX_SDP_LENGTH) })],
  ['webRTCMetricsClientDescription', () => ({ type: 'webRTCMetrics' })],
  ['webRTCMetricsBatch', () => ({ type: 'webRTCMetrics' })],
]);

function connectionRequest(fields: Fields): ConnectionRequest {
  const echo = Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'sipPassword'));
  const authToken = word(fields.authToken);
  return {
    appKey: word(fields.appKey) || 'defaultApp',
    keepAlive: fields.keepAlive === true,
    ...(authToken === '' ? {} : { authToken }),
    userAgent: word(fields.clientBrowserVersion),
    custom: fields.custom,
    ...(word(fields.sipLogin) === '' ? {} : { account: accountOf(fields) }),
    echo,
  };
}

function accountOf(fields: Fields): TelephoneAccount {
  return {
    login: word(fields.sipLogin),
    authenticationName: word(fields.sipAuthenticationName),
    password: word(fields.sipPassword),
    domain: word(fields.sipDomain),
    outboundProxy: word(fields.sipOutboundProxy) || word(fields.sipProxy),
    port: Math.trunc(positive(fields.sipPort)) % PORTS,
    registerRequired: fields.sipRegisterRequired === true || fields.sipRegisterRequired === 'true',
    visibleName: word(fields.sipVisibleName),
  };
}

function streamRequest(fields: Fields): StreamRequest {
  const transport = word(fields.transport).toLowerCase();
  const rtmpUrl = string(fields.rtmpUrl, 2048);
  return {
    ...target(fields),
    sdp: string(fields.sdp, MAX_SDP_LENGTH),
    mediaProvider: word(fields.mediaProvider) || 'WebRTC',
    hasVideo: fields.hasVideo !== false,
    hasAudio: fields.hasAudio !== false,
    record: fields.record === true,
    custom: fields.custom,
    bitrate: positive(fields.bitrate),
    minBitrate: positive(fields.minBitrate),
    maxBitrate: positive(fields.maxBitrate),
    width: positive(fields.width),
    height: positive(fields.height),
    quality: positive(fields.quality),
    orientation: fields.cvoExtension === true,
    ...(transport === 'udp' || transport === 'tcp' ? { transport } : {}),
    ...(rtmpUrl === '' ? {} : { rtmpUrl }),
  };
}

function streamEvent(fields: Fields): ClientMessage | undefined {
  const event = STREAM_EVENTS.find((type) => type === fields.type);
  return event === undefined ? undefined : { type: 'sendStreamEvent', mediaSessionId: id(fields.mediaSessionId), event, payload: fields.payload };
}

function target({ mediaSessionId, name }: Fields): { readonly mediaSessionId: string; readonly name: string } {
  return { mediaSessionId: id(mediaSessionId), name: string(name, 4096) };
}

/** A text no longer than that, or the empty one. */
function string(value: unknown, maxLength: number): string {
  return typeof value === 'string' && value.length <= maxLength ? value : '';
}

function word(value: unknown): string {
  return string(value, MAX_WORD_LENGTH);
}

function id(value: unknown): string {
  return string(value, MAX_ID_LENGTH);
}

/** A number above 0, also written as text; else 0. */
function positive(value: unknown): number {
  const number = typeof value === 'string' && value.length <= 20 ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number > 0 ? number : 0;
}
