import type { ErrorCode } from 'wcs-core';

const MALFORMED: ErrorCode = 'PROTOCOL_E_MALFORMED';

/**
 * True when the peer broke the protocol, false for a fault of ours. Told by the code and not by the class: the pure
 * libraries are bundled into the plugin together with a `ProtocolError` of their own.
 */
export function isPeerFault(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === MALFORMED;
}
