import { WcsError } from '../errors/wcs-error.ts';
import { maskText } from '../log/mask.ts';

declare const brand: unique symbol;

/** A text that passed `parseStreamName`: safe as a name, and as a relative path by its segments. */
export type StreamName = string & { readonly [brand]: 'StreamName' };

/** Longest plain name in UTF-16 units. */
export const STREAM_NAME_MAX = 255;
/** Longest name that is a URI of a source (`rtsp://…`). */
export const SOURCE_URI_MAX = 2048;

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]{0,31}:\/\//;
const NOT_IN_NAME = /[^\p{L}\p{M}\p{N}\-_.~:@#$+=,!()[\]{}%&;*/]/u;
/** Controls, format characters, lone surrogates, unassigned ones, and white space. */
const NOT_IN_URI = /[\p{C}\s\\]/u;
/** Also as a later percent-decoding would make it. */
const DOTS = /^(?:\.|%2e){1,2}$/i;

/**
 * Checks a stream name by the one grammar of all protocols and gives it in Unicode form NFC.
 *
 * Letters and digits of any script and `-_.~:@#$+=,!()[]{}%&;*`, in segments parted by `/`; no segment is empty, `.` or `..`.
 * `scheme://…` names a source; it may hold everything but white space, backslashes and control characters.
 *
 * @throws WcsError MEDIA_E_NAME_INVALID saying what is wrong
 */
export function parseStreamName(text: string): StreamName {
  const name = text.length > SOURCE_URI_MAX ? text : text.normalize('NFC');
  const fault = faultOf(name);
  if (fault !== undefined) throw new WcsError('MEDIA_E_NAME_INVALID', `Stream name ${JSON.stringify(shownStreamName(text).slice(0, 80))} ${fault}.`);
  return name as StreamName;
}

/** True when the name is a URI of a source. */
export function isSourceUri(name: string): boolean {
  return SCHEME.test(name);
}

/** The name for lists: the address of a source without its password and tokens. */
export function shownStreamName(name: string): string {
  return isSourceUri(name) ? maskText(name) : name;
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'is empty';
  const scheme = SCHEME.exec(name)?.[0];
  if (scheme !== undefined) return uriFault(name, name.slice(scheme.length));
  if (name.length > STREAM_NAME_MAX) return `has ${name.length} characters; ${STREAM_NAME_MAX} are allowed`;
  const odd = NOT_IN_NAME.exec(name)?.[0];
  if (odd !== undefined) return `has the character ${JSON.stringify(odd)} (U+${hex(odd)}), which is not allowed`;
  const segments = name.split('/');
  if (segments.includes('')) return 'has an empty segment';
  return segments.some((segment) => DOTS.test(segment)) ? 'has a "." or ".." segment' : undefined;
}

function uriFault(name: string, rest: string): string | undefined {
  if (name.length > SOURCE_URI_MAX) return `has ${name.length} characters; ${SOURCE_URI_MAX} are allowed`;
  const odd = NOT_IN_URI.exec(name)?.[0];
  if (odd !== undefined) return `has the character U+${hex(odd)}, which is not allowed`;
  if (rest === '') return 'has nothing behind its scheme';
  // After `?` too: the path of one scheme may be the query of another.
  return rest.split(/[/?#&=]/).some((segment) => DOTS.test(segment) && segment !== '.') ? 'has a ".." segment' : undefined;
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}
