import { WcsError } from 'wcs-core';

/** Texts that clients compare. @see WebSocket signalling section 5.1 */
export const INFO = {
  stoppedByUser: 'Stopped by user',
  stoppedByDisconnect: 'Stopped by session disconnect',
  stoppedByPublisher: 'Stopped by publisher stop',
  keepAlive: 'Terminated by keep-alive',
  notFound: 'Stream not found',
  nameInUse: 'Stream name is already in use',
  idMissing: 'MediaSessionId is null',
  idInUse: 'MediaSessionId is already in use',
  notReady: 'Session not ready',
  noSession: 'Session does not exist',
  noCommonCodecs: 'No common codecs',
  transcodingDisabled: 'Transcoding required, but disabled',
  restricted: 'Restricted access',
  failed: 'Failed by error',
} as const;

/** The text for whatever made a stream fail. */
export function infoOfError(error: unknown): string {
  if (!(error instanceof WcsError)) return INFO.failed;
  switch (error.code) {
    case 'MEDIA_E_NOT_FOUND':
      return INFO.notFound;
    case 'MEDIA_E_NAME_IN_USE':
      return INFO.nameInUse;
    case 'INTERNAL_E_FAULT':
      return INFO.failed;
    default:
      // By contract a documented text, or a sentence that says what to do.
      return error.message;
  }
}
