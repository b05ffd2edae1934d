/**
 * Why a pull does not play: the address or the description makes no sense; nobody answers, or answers in time; the server
 * knows no such stream; it wants other credentials; it refuses for another reason; it broke the protocol; it went.
 */
export type PullFailureCause = 'format' | 'connect' | 'notFound' | 'unauthorised' | 'refused' | 'malformed' | 'ended';

/** A failure of a pull in words for the log; never with a secret. */
export interface PullFailure {
  readonly cause: PullFailureCause;
  readonly detail: string;
}

/** The words of the WCS tables, which client applications compare with. */
export const PULL_REASONS: Readonly<Record<PullFailureCause, string>> = {
  format: 'Rtsp has wrong format',
  connect: 'Failed to connect to rtsp stream',
  notFound: 'Rtsp stream not found',
  unauthorised: 'Failed to connect to rtsp stream',
  refused: 'Failed to connect to rtsp stream',
  malformed: 'Rtsp has wrong format',
  ended: 'RtspAgent shutdown',
};
