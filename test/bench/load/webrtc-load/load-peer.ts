import type { RTCCertificate } from 'werift';
import { fingerprintOf, ClientTransport, type MediaKeys } from '../../../support/webrtc/transport.ts';
import { parseAnswer, writeOffer, type RemoteDescription } from '../../../support/webrtc/session-description.ts';
import { postOffer, type HttpSession } from '../../../support/webrtc/whip-client.ts';
import type { LoadSocket, UdpSockets } from '../udp-sockets.ts';

/** What a peer is made of. */
export interface PeerOptions {
  readonly sockets: UdpSockets;
  readonly certificate: RTCCertificate;
  readonly url: string;
  readonly direction: 'sendonly' | 'recvonly';
  readonly ssrc?: { readonly video: number; readonly audio: number };
  /** Takes RTP and RTCP as they come, out of memory that is written again. */
  onMedia(memory: Buffer, at: number, length: number, nowMs: number): void;
}

/** A peer after its handshake. */
export interface LoadPeer {
  readonly keys: MediaKeys;
  readonly remote: RemoteDescription;
  send(datagram: Uint8Array): void;
  /** Says good-bye by DTLS alone, as a closed tab does. */
  leave(): void;
  /** Ends the session by HTTP. */
  end(): Promise<number>;
}

/** Offers, checks and shakes hands; throws what went wrong within `timeoutMs`. */
export async function openPeer(options: PeerOptions, timeoutMs: number): Promise<LoadPeer> {
  const { sockets, certificate, url, direction, ssrc } = options;
  const wire: { socket?: LoadSocket } = {};
  const transport = new ClientTransport({ certificate, send: (datagram) => wire.socket?.send(datagram), onMedia: () => undefined });
  const signal = AbortSignal.timeout(timeoutMs);
  const session = await postOffer(url, writeOffer({ direction, ufrag: transport.ufrag, pwd: transport.pwd, fingerprint: fingerprintOf(certificate), ...(ssrc && { ssrc }) }), signal);
  const remote = parseAnswer(session.answer);
  const candidate = remote.candidates.find(({ transport: name, address }) => name === 'udp' && address.includes('.'));
  if (candidate === undefined) throw new Error(`The answer has no UDP candidate:\n${session.answer}`);
  const socket = sockets.open(candidate.address, candidate.port, (memory, at, length, nowMs) => {
    const first = memory[at] ?? 0;
    if (first >= 128 && first <= 191) options.onMedia(memory, at, length, nowMs);
    else transport.onDatagram(Buffer.from(memory.subarray(at, at + length)));
  });
  wire.socket = socket;
  const expired = (): void => transport.abandon();
  signal.addEventListener('abort', expired);
  try {
    const keys = await transport.start(remote);
    return toPeer(keys, remote, transport, socket, session);
  } catch (error) {
    socket.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', expired);
  }
}

function toPeer(keys: MediaKeys, remote: RemoteDescription, transport: ClientTransport, socket: LoadSocket, session: HttpSession): LoadPeer {
  const leave = (): void => {
    transport.close();
    socket.close();
  };
  return {
    keys,
    remote,
    send: (datagram) => socket.send(datagram),
    leave,
    end: async () => {
      const status = await session.end();
      leave();
      return status;
    },
  };
}
