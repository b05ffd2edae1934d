import type { ExecutionContext } from 'ava';
import { SignallingClient } from '../signalling-client.ts';
import { until } from '../until.ts';
import type { Signalling } from './client.ts';

/** What is asked for over the WebSocket. */
export interface WebSocketWish {
  readonly message: 'publishStream' | 'playStream';
  readonly name: string;
  /** Further fields of the request. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Signalling of one stream over a WebSocket of its own, which is closed when the test ends. */
export async function byWebSocket(t: ExecutionContext, port: number, { message, name, fields }: WebSocketWish): Promise<{ readonly client: SignallingClient; readonly url: Signalling }> {
  const client = await SignallingClient.connect(port);
  t.teardown(() => client.end());
  const url: Signalling = async (offer) => {
    const id = client.stream(message, name, { sdp: offer, ...fields });
    const answer = await until(() => client.received.find(({ message: called, data }) => called === 'setRemoteSDP' && data[0] === id), `the answer for ${name}`);
    return { answer: String(answer.data[1]), location: undefined, end: () => Promise.resolve(0) };
  };
  return { client, url };
}
