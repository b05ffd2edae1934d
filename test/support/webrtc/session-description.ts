/** Payload types of the offers made here. */
export const PayloadType = { VIDEO: 102, VIDEO_RTX: 103, AUDIO: 111 } as const;

/** The offerer's part. */
export interface LocalDescription {
  readonly direction: 'sendonly' | 'recvonly';
  readonly ufrag: string;
  readonly pwd: string;
  /** `sha-256 AA:BB:…`. */
  readonly fingerprint: string;
  /** Needed to send. */
  readonly ssrc?: { readonly video: number; readonly audio: number };
  /** Offer retransmission of video in a stream of its own. @see RFC 4588 */
  readonly rtx?: boolean;
  /** Offer the orientation of video under this id. @see 3GPP TS 26.114 section 7.4.5 */
  readonly orientationId?: number;
}

/** What an answer says about the other side. */
export interface RemoteDescription {
  readonly ufrag: string;
  readonly pwd: string;
  readonly fingerprint: string;
  readonly setup: string;
  readonly candidates: readonly Candidate[];
  /** SSRCs by kind, of an answer that sends. */
  readonly ssrc: { readonly video?: number; readonly audio?: number };
}

/** A candidate line. @see RFC 8839 section 5.1 */
export interface Candidate {
  readonly transport: string;
  readonly address: string;
  readonly port: number;
}

/** An offer of H.264 and Opus like a browser's. */
export function writeOffer(local: LocalDescription): string {
  return ['v=0', 'o=- 4611731400430051336 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1', 'a=msid-semantic: WMS', ...section(local, 'audio'), ...section(local, 'video'), ''].join('\r\n');
}

function section(local: LocalDescription, kind: 'audio' | 'video'): string[] {
  const { VIDEO, VIDEO_RTX, AUDIO } = PayloadType;
  const rtx = local.rtx === true ? [`a=rtpmap:${VIDEO_RTX} rtx/90000`, `a=fmtp:${VIDEO_RTX} apt=${VIDEO}`] : [];
  const video = [`a=rtpmap:${VIDEO} H264/90000`, ...['nack', 'nack pli', 'ccm fir', 'goog-remb'].map((feedback) => `a=rtcp-fb:${VIDEO} ${feedback}`), `a=fmtp:${VIDEO} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f`, ...rtx];
  const audio = [`a=rtpmap:${AUDIO} opus/48000/2`, `a=fmtp:${AUDIO} minptime=10;useinbandfec=1`];
  const orientation = kind === 'video' && local.orientationId !== undefined ? [`a=extmap:${local.orientationId} urn:3gpp:video-orientation`] : [];
  const types = kind === 'audio' ? [AUDIO] : [VIDEO, ...(local.rtx === true ? [VIDEO_RTX] : [])];
  return [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${types.join(' ')}`,
    'c=IN IP4 0.0.0.0',
    'a=rtcp:9 IN IP4 0.0.0.0',
    `a=ice-ufrag:${local.ufrag}`,
    `a=ice-pwd:${local.pwd}`,
    'a=ice-options:trickle',
    `a=fingerprint:${local.fingerprint}`,
    'a=setup:actpass',
    `a=mid:${kind === 'audio' ? 0 : 1}`,
    ...orientation,
    `a=${local.direction}`,
    'a=rtcp-mux',
    'a=rtcp-rsize',
    ...(kind === 'audio' ? audio : video),
    ...(local.ssrc === undefined ? [] : [`a=msid:stream ${kind}`, `a=ssrc:${local.ssrc[kind]} cname:peer`]),
  ];
}

/**
 * Reads an answer.
 *
 * @throws Error when something that every peer needs is not there
 */
export function parseAnswer(sdp: string): RemoteDescription {
  const first = (name: string): string => {
    const found = new RegExp(`^a=${name}:(.+?)\\r?$`, 'm').exec(sdp)?.[1];
    if (found === undefined) throw new Error(`The answer has no ${name}:\n${sdp}`);
    return found;
  };
  const candidates = [...sdp.matchAll(/^a=candidate:\S+ 1 (\S+) \d+ (\S+) (\d+)/gm)].map(([, transport = '', address = '', port]) => ({ transport: transport.toLowerCase(), address, port: Number(port) }));
  const ssrcOf = (kind: string): number | undefined => {
    const text = sdp.split(/^m=/m).find((part) => part.startsWith(kind));
    const value = /^a=ssrc:(\d+)/m.exec(text ?? '')?.[1];
    return value === undefined ? undefined : Number(value);
  };
  const [video, audio] = [ssrcOf('video'), ssrcOf('audio')];
  return {
    ufrag: first('ice-ufrag'),
    pwd: first('ice-pwd'),
    fingerprint: first('fingerprint'),
    setup: first('setup'),
    candidates,
    ssrc: { ...(video !== undefined && { video }), ...(audio !== undefined && { audio }) },
  };
}
