import { encodeRange } from '../wire/range.ts';
import { encodeRtpInfo, type RtpInfo } from '../wire/rtp-info.ts';
import type { RtspHeaders } from '../wire/message.ts';
import { rangeFrom } from './file-position.ts';
import type { Target } from './session-state.ts';

/** What is known of what a PLAY begins. */
export interface PlayStart {
  readonly starts: readonly { readonly index: number; readonly sequence?: number; readonly rtpTime?: number }[];
  /** Position of a file, seconds; absent where it goes on from wherever it stood. */
  readonly startS?: number | undefined;
}

/** The headers of an answer to PLAY. @see RFC 2326 sections 10.5, 12.29 and 12.33 */
export function playHeaders({ tracks, file }: Extract<Target, { type: 'play' }>, uri: string, { starts, startS }: PlayStart): RtspHeaders {
  const base = uri.replace(/\/$/, '');
  const infos = starts.flatMap(({ index, ...start }): RtpInfo[] => {
    const control = tracks[index]?.control;
    return control === undefined ? [] : [{ url: base.endsWith(control) ? base : `${base}/${control}`, ...start }];
  });
  const range = file === undefined ? encodeRange({ startS: 0 }) : startS === undefined ? undefined : rangeFrom(startS, file);
  return [...(range === undefined ? [] : [['Range', range] as const]), ...(infos.length === 0 ? [] : [['RTP-Info', encodeRtpInfo(infos)] as const])];
}
