/**
 * What a plugin may import from the kernel, as `wcs-core`. Everything here is covered by `PLUGIN_API_VERSION`.
 */
export { definePlugin, PLUGIN_API_VERSION } from './plugin/contract.ts';
export type { PluginDefinition, PluginInstance, PluginManifest } from './plugin/contract.ts';
export type { PluginContext, SessionWish } from './plugin/context.ts';
export type { PluginSession } from './plugin/session.ts';
export type { Cancel, Rounds, ScopedTimers } from './plugin/scoped-timers.ts';
export { waitForStream, type AwaitedStream } from './plugin/wait-for-stream.ts';
export type { ScopedMedia } from './plugin/scoped-media.ts';
export type { ScopedRtpFanout } from './plugin/scoped-rtp-fanout.ts';

export { inject, injectable } from './di/container.ts';
export type { DependencyContainer } from './di/container.ts';
export { TOKENS } from './di/tokens.ts';

export { messageOf, ProtocolError, WcsError } from './errors/wcs-error.ts';
export { ERRORS, type ErrorCode, type ErrorKind } from './errors/codes.ts';
export type { Log, LogFields, LogLevel, RootLog } from './log/log.ts';
export { rateLimited } from './log/rate-limited.ts';
export { Scope, type Held } from './scope/scope.ts';

export type { MediaFrame, MediaPacket } from './media/frame.ts';
export { clockRateOf, kindOfCodec, type Codec, type MediaKind } from './media/codecs.ts';
export { targetId, type Acceptance, type TrackTarget } from './media/negotiate.ts';
export { ticksToUs, usToTicks } from './media/frame.ts';
export { areSameFormats, isSameFormat, type TrackDescriptor } from './media/track.ts';
export type { AnnouncedEvent, MediaBus, MediaEvents } from './media/media-bus.ts';
export type { Publication, PublishOptions, PublisherCallbacks } from './media/publication.ts';
export { wantsRecording, type Stream, type StreamMeta } from './media/stream.ts';
export { StreamClock } from './media/rtp-fanout/stream-clock.ts';
export type { FanoutItem, FanoutJoin, FanoutViewer, TcpFanout } from './media/tcp-fanout.ts';
export type { MissingTrack, RtpViewer, RtpViewerCounters, RtpViewerOptions, RtpViewerState } from './media/rtp-fanout/viewer.ts';
export type { RtpLineState, RtpMapping, SenderFacts } from './media/rtp-fanout/viewer-line.ts';
export type { BatchWriter } from './media/fanout-log.ts';
export type { PlaneConverter } from './media/converters.ts';
export type { RecordingEnd, RecordingFacts } from './media/recording-event.ts';
export type { TranscodeJob, TranscodeOutput, TranscoderCapability, Transcoding } from './media/derived-tracks.ts';
export { OFFER_ANSWER, type MediaDirection, type MediaInvitation, type MediaOffer, type MediaSessionEvent, type MediaSessionListener, type OfferAnswer } from './media/offer-answer.ts';
export {
  TELEPHONY, type CallFacts, type CallStatus, type CallWish, type KeyMethod, type MessageStatus, type Telephony, type TelephoneAccount, type TelephonyClient, type TelephonyEvent, type TelephonyListener, type TextMessage, type TransferStatus,
} from './media/telephony.ts';
export type { Playback } from './media/playback.ts';
export { SNAPSHOTS, type Snapshots } from './media/snapshots.ts';
export { HeldPackets, type HeldPacket, type HeldPacketsState } from './media/rtp-ingest/held-packets.ts';
export { RtpIngest, type RtpIngestOptions, type RtpIngestState } from './media/rtp-ingest/rtp-ingest.ts';
export type { RtpIngestTrack } from './media/rtp-ingest/ingest-track.ts';
export { trackFormatOf, type DescribedFormat, type TrackFormat } from './media/rtp-ingest/described-format.ts';
export type { AacPacking } from './media/rtp-ingest/repacketiser.ts';
export { TrackWriter, type TrackWriterState, type WrittenTrack } from './media/rtp-ingest/track-writer.ts';
export type { SourceContext, StreamResolver, StreamSource } from './media/sources.ts';
export type { StreamStats } from './media/stream-stats.ts';
export type { FrameSink, SubscribeOptions, Subscription } from './media/subscription.ts';

export type { Connection, ConnectionHandler } from './net/connection.ts';
export type { DialOptions } from './net/dialler.ts';
export type { HttpExchange, HttpRequest, HttpResponse } from './net/http-exchange.ts';
export type { HttpHandler, HttpLease } from './net/http-listener.ts';
export type { Lease } from './net/lease.ts';
export type { RtpPairHandler, RtpPairSocket, RtpPortPair } from './net/rtp-port-pair.ts';
export type { HeldConnection } from './net/held-connection.ts';
export type { TcpLease } from './net/tcp-listener.ts';
export type { UdpLease } from './net/udp-listener.ts';
export type { UdpPeer } from './rtp/fanout/udp.ts';
export type { OnWebSocket, WebSocketListenOptions } from './net/websocket-acceptor.ts';
export type { WebSocketClose, WebSocketConnection, WebSocketHandler } from './net/websocket-connection.ts';
export type { PortLease, PortPair, RangeName } from './net/port-ranges.ts';
export type { Certificates } from './net/certificates.ts';

export type { Destination, EngineTier, FanoutGroup, FanoutMember, FanoutPacket, RtpSender, SenderCounters, SenderOptions } from './rtp/fanout/engine.ts';

export type { AccessDecision, AccessRequest, Authoriser } from './access/access.ts';
export { containedPath } from './access/contained-path.ts';
export type { ResolvedTarget } from './access/ssrf-guard.ts';
export { isSourceUri, parseStreamName, shownStreamName, type StreamName } from './access/stream-name.ts';

export { defineOperation, type AnyOperation, type Caller, type Operation, type OperationCall, type Role } from './operations/operation.ts';
export { WEB_BODY_MAX_BYTES, type WebAnswer, type WebRequest, type WebRoute } from './web/web-routes.ts';
export type { Operations } from './operations/operations.ts';
export { looseBoolean, looseNumber } from './operations/loose.ts';
export type { Counter, Histogram } from './metrics/metric.ts';
export type { Metrics } from './metrics/metrics.ts';
export type { Session, SessionEntry, SessionRole, Sessions } from './sessions/sessions.ts';
export type { User, Users } from './config/users.ts';
export type { Health, KernelStatus } from './control/status.ts';
