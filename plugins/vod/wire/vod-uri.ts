import { WcsError } from 'wcs-core';

/** A file to be played, as a stream name says it. */
export interface VodUri {
  /** One playback for all readers; else a copy for each. */
  readonly live: boolean;
  /** Path below the media folder. */
  readonly file: string;
}

const URI = /^(vod|vod-live):\/\/(.+)$/i;

/** Reads `vod://FILE` or `vod-live://FILE`; percent-encoded characters are decoded once. @throws WcsError MEDIA_E_NAME_INVALID */
export function parseVodUri(uri: string): VodUri {
  const [, scheme, path] = URI.exec(uri) ?? [];
  if (scheme === undefined || path === undefined) throw invalid(uri);
  try {
    return { live: scheme.toLowerCase() === 'vod-live', file: decodeURIComponent(path) };
  } catch {
    throw invalid(uri);
  }
}

function invalid(uri: string): WcsError {
  return new WcsError('MEDIA_E_NAME_INVALID', `${JSON.stringify(uri.slice(0, 80))} is not of the form vod://FILE or vod-live://FILE.`);
}
