import { encodeTransport, parseTransport, type NumberPair, type Transport } from '../wire/transport.ts';
import type { TrackPath } from './session-state.ts';

/** What a server can carry for one connection. */
export interface TransportLimits {
  /** RTP over UDP. */
  readonly udp: boolean;
  readonly mode: 'play' | 'record';
  /** Channels that other tracks of the connection have. */
  readonly taken: ReadonlySet<number>;
}

/** A way to carry a track that suits both sides. */
export interface ChosenTransport {
  readonly path: TrackPath;
  readonly profile: string;
}

const PROFILES: ReadonlySet<string> = new Set(['RTP/AVP', 'RTP/AVPF']);
const CHANNELS = 256;

/** The first alternative of a Transport header that can be had; undefined when there is none. */
export function chooseTransport(header: string, limits: TransportLimits): ChosenTransport | undefined {
  for (const transport of parseTransport(header)) {
    const path = pathOf(transport, limits);
    if (path !== undefined) return { path, profile: transport.profile };
  }
  return undefined;
}

/** The Transport header of an answer. */
export function answerTransport({ path, profile }: ChosenTransport, mode: 'play' | 'record', ports?: { readonly server: NumberPair; readonly ssrc?: number | undefined }): string {
  const common = { profile, cast: 'unicast', mode } as const;
  if (path.type === 'interleaved') return encodeTransport({ ...common, lower: 'tcp', interleaved: path.channels });
  return encodeTransport({ ...common, lower: 'udp', clientPort: path.clientPorts, ...(ports === undefined ? {} : { serverPort: ports.server }) });
}

function pathOf({ profile, lower, cast, interleaved, clientPort }: Transport, { udp, taken }: TransportLimits): TrackPath | undefined {
  if (!PROFILES.has(profile) || cast !== 'unicast') return undefined;
  if (lower === 'udp') {
    const isUsable = udp && clientPort !== undefined && clientPort[0] > 0 && clientPort[1] > 0;
    return isUsable ? { type: 'udp', clientPorts: clientPort } : undefined;
  }
  const isFree = (pair: NumberPair | undefined): pair is NumberPair => pair !== undefined && pair[0] !== pair[1] && !taken.has(pair[0]) && !taken.has(pair[1]);
  const channels = isFree(interleaved) ? interleaved : freePair(taken);
  return channels === undefined ? undefined : { type: 'interleaved', channels };
}

function freePair(taken: ReadonlySet<number>): NumberPair | undefined {
  for (let channel = 0; channel < CHANNELS; channel += 2) if (!taken.has(channel) && !taken.has(channel + 1)) return [channel, channel + 1];
  return undefined;
}
