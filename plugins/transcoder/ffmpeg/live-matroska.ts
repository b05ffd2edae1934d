import { encodeCluster, encodeMatroskaHead } from 'wcs-core/formats/matroska';
import type { ChainInput } from '../processor/chain-spec.ts';
import { containerTrackOf, TRACK_NUMBER } from './container-track.ts';

/** Finer than the usual millisecond: what is decoded keeps the times that it had. */
const TICK_US = 10;

/** The head of a live file with one track. */
export function liveHead(input: ChainInput): Uint8Array {
  return encodeMatroskaHead({ docType: 'matroska', tickNs: TICK_US * 1000, tracks: [containerTrackOf(input)] });
}

/** One unit as a cluster of its own, so that no time is too far from that of its cluster. @param ptsUs not negative */
export function liveCluster(data: Uint8Array, ptsUs: number, key: boolean): Buffer {
  return Buffer.concat(encodeCluster([{ track: TRACK_NUMBER, ticks: Math.round(ptsUs / TICK_US), key, data }]));
}
