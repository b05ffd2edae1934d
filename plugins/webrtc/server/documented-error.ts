import { WcsError } from 'wcs-core';

/** The documented texts by code; whoever refuses says no more to a browser. */
const INFO: Readonly<Partial<Record<WcsError['code'], string>>> = {
  MEDIA_E_NAME_IN_USE: 'Stream name is already in use',
  MEDIA_E_NOT_FOUND: 'Stream not found',
  MEDIA_E_SOURCE_FAILED: 'Stream not found',
};

/** The same failure with the text that the protocol documents for it; others keep their own sentence. */
export function documented(error: unknown): unknown {
  if (!(error instanceof WcsError)) return error;
  const info = INFO[error.code];
  return info === undefined || info === error.message ? error : new WcsError(error.code, info, { cause: error, details: error.details });
}
