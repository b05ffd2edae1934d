import { messageOf, WcsError } from 'wcs-core';

/** The texts that the protocol documents. */
export const FILE_INFO = { missing: 'File not found', format: 'File has wrong format', unreadable: 'Failed to read file' } as const;

const MISSING: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO']);
const WRONG: ReadonlySet<unknown> = new Set(['PROTOCOL_E_MALFORMED', 'PROTOCOL_E_LIMIT', 'MEDIA_E_NO_COMMON_CODEC']);

/** What became of a file, in the documented words; the cause stays with it. */
export function fileError(info: (typeof FILE_INFO)[keyof typeof FILE_INFO], cause?: unknown): WcsError {
  // The path of a system error would tell where the server has its files.
  const reason = cause instanceof WcsError && WRONG.has(cause.code) ? { reason: messageOf(cause) } : {};
  return new WcsError('MEDIA_E_FILE', info, { cause, details: reason });
}

/** Why a file could not be opened. A path that leads out of the folder is no file either. */
export function openError(error: unknown): WcsError {
  if (error instanceof WcsError && error.code === 'MEDIA_E_FILE') return error;
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (MISSING.has(code) || code === 'ACCESS_E_REFUSED') return fileError(FILE_INFO.missing, error);
  return fileError(WRONG.has(code) ? FILE_INFO.format : FILE_INFO.unreadable, error);
}

/** Why a file that was open could not be read on. */
export function readError(error: unknown): WcsError {
  return error instanceof WcsError && error.code === 'MEDIA_E_FILE' ? error : fileError(FILE_INFO.unreadable, error);
}
