import type { ExecutionContext } from 'ava';
import { FakeOfferAnswer } from '../fake-offer-answer.ts';
import { SignallingClient } from '../signalling-client.ts';
import { freePorts } from '../test-kernel.ts';
import { startCallServer, type CallServer } from './call-server.ts';

/** What a browser offers, and answers. */
export const BROWSER_SDP = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111 0', 'c=IN IP4 0.0.0.0', 'a=rtpmap:111 opus/48000/2', 'a=rtpmap:0 PCMU/8000', ''].join('\r\n');

type Fields = Readonly<Record<string, unknown>>;

/** A server whose browsers telephone by the WebSocket signalling; their media is made up. */
export interface WebPhones extends CallServer {
  readonly media: FakeOfferAnswer;
  /** Connects a browser, whose telephone account that is. */
  connect(account: Fields): Promise<WebPhone>;
  /** Connects one whose number a kamailio has, and waits until it is registered. */
  register(number: string, pbx: { readonly port: number }): Promise<WebPhone>;
}

/** Starts it; it stops with the test. */
export async function startWebPhones(t: ExecutionContext, settings: Fields = {}): Promise<WebPhones> {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const server = await startCallServer(t, { media: { codecs: ['pcmu'] }, ...settings }, { websocket: { port, tlsPort } });
  const connect = async (account: Fields): Promise<WebPhone> => {
    const client = await SignallingClient.connect(port, account);
    t.teardown(() => client.end());
    return new WebPhone(client);
  };
  return {
    ...server,
    media: new FakeOfferAnswer(server.kernel),
    connect,
    register: async (number, pbx) => {
      const phone = await connect({ sipLogin: number, sipAuthenticationName: number, sipPassword: `secret-${number}`, sipDomain: 'pbx.test', sipOutboundProxy: '127.0.0.1', sipPort: pbx.port, sipRegisterRequired: true });
      await phone.client.next('registered');
      return phone;
    },
  };
}

/** One browser that telephones. */
export class WebPhone {
  readonly client: SignallingClient;

  constructor(client: SignallingClient) {
    this.client = client;
  }

  /** Calls, and waits for the answer. */
  async call(callId: string, callee: string): Promise<void> {
    this.client.send('call', { callId, callee, incoming: false, hasAudio: true, hasVideo: false, status: 'PENDING', mediaProvider: 'WebRTC', sdp: BROWSER_SDP, visibleName: '' });
    await this.status('talk', callId);
  }

  /** Waits for a call, takes it, and answers with its id. */
  async take(): Promise<string> {
    const { callId } = (await this.client.next('notifyIncomingCall')) as { callId: string };
    this.client.send('answer', { callId, incoming: true, hasAudio: true, hasVideo: true, sdp: BROWSER_SDP });
    await this.status('talk', callId);
    return callId;
  }

  status(message: string, callId: string): Promise<Fields> {
    return this.client.next(message, (call) => call['callId'] === callId);
  }
}
