/**
 * How a failure is to be understood by whoever asked:
 * `invalid` the request is wrong (HTTP 400), `unauthenticated` (401), `refused` not allowed (403), `notFound` (404),
 * `conflict` (409), `busy` a limit is reached, try later (503), `internal` our fault (500).
 */
export type ErrorKind = 'invalid' | 'unauthenticated' | 'refused' | 'notFound' | 'conflict' | 'busy' | 'internal';

/** Every code that the kernel and the plugins raise, with its kind. */
export const ERRORS = {
  ACCESS_E_ATTEMPTS: 'busy',
  ACCESS_E_REFUSED: 'refused',
  ACCESS_E_CREDENTIALS: 'unauthenticated',
  CONFIG_E_INVALID: 'invalid',
  CONFIG_E_UNREADABLE: 'invalid',
  INTERNAL_E_FAULT: 'internal',
  MEDIA_E_BUSY: 'busy',
  MEDIA_E_FILE: 'internal',
  MEDIA_E_NAME_INVALID: 'invalid',
  MEDIA_E_NAME_IN_USE: 'conflict',
  MEDIA_E_NOT_FOUND: 'notFound',
  MEDIA_E_NOT_SHARED: 'refused',
  MEDIA_E_NO_COMMON_CODEC: 'invalid',
  MEDIA_E_NO_TRANSCODER: 'busy',
  MEDIA_E_NO_DECODER: 'internal',
  MEDIA_E_NO_PICTURE: 'internal',
  MEDIA_E_NO_VIDEO: 'notFound',
  MEDIA_E_PROCESSING: 'internal',
  MEDIA_E_SOURCE_FAILED: 'internal',
  NET_E_CONNECT: 'internal',
  NET_E_HOST_UNKNOWN: 'invalid',
  NET_E_LISTEN: 'conflict',
  NET_E_PEER_BROKEN: 'internal',
  NET_E_PEER_REFUSED: 'internal',
  NET_E_PORT_EXHAUSTED: 'busy',
  NET_E_TLS: 'invalid',
  OPERATION_E_EMPTY: 'notFound',
  OPERATION_E_INPUT: 'invalid',
  OPERATION_E_UNKNOWN: 'notFound',
  OPERATION_E_CONFLICT: 'conflict',
  PLUGIN_E_API_VERSION: 'invalid',
  PLUGIN_E_BUILD: 'invalid',
  PLUGIN_E_CYCLE: 'invalid',
  PLUGIN_E_EVALUATE: 'invalid',
  PLUGIN_E_FAULT: 'internal',
  PLUGIN_E_MANIFEST: 'invalid',
  PLUGIN_E_NOT_FOUND: 'notFound',
  PLUGIN_E_PREPARE: 'internal',
  PLUGIN_E_REQUIRED: 'conflict',
  PLUGIN_E_REQUIRES: 'conflict',
  PROTOCOL_E_LIMIT: 'invalid',
  PROTOCOL_E_MALFORMED: 'invalid',
  RECORD_E_LIMIT: 'busy',
  SCOPE_E_CLOSED: 'internal',
  SESSION_E_NOT_FOUND: 'notFound',
  SESSION_E_TIMEOUT: 'invalid',
} as const satisfies Record<string, ErrorKind>;

/** A code of the table. */
export type ErrorCode = keyof typeof ERRORS;
