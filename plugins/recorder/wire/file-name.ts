import type { ContainerType } from './container.ts';

/** What the elements of a name template stand for. */
export interface NameFacts {
  readonly streamName: string;
  readonly mediaSessionId: string;
  readonly sessionId: string;
  /** Of the publisher, or the protocol where it has none. */
  readonly login: string;
  readonly audioCodec: string;
  readonly videoCodec: string;
  /** First media on the stream's clock, and by the server's clock. */
  readonly startTimeMs: number;
  readonly startTimeMillis: number;
}

/** What is known only when a file is complete. */
export interface EndFacts {
  readonly durationMs: number;
  readonly endTimeMs: number;
  readonly endTimeMillis: number;
}

/** Longest name of a file in UTF-8 bytes, as file systems have it. */
export const FILE_NAME_MAX_BYTES = 255;
/** What is kept free of it for a number, the ending and the mark of an unfinished file. */
const RESERVED_BYTES = 24;

const ELEMENT = /\{([A-Za-z]+)\}/g;
const START_ELEMENTS = ['streamName', 'mediaSessionId', 'sessionId', 'login', 'audioCodec', 'videoCodec', 'startTime', 'startTimeMillis'];
const END_ELEMENTS = ['duration', 'endTime', 'endTimeMillis'];
const UNSAFE = /[^\p{L}\p{M}\p{N}\-_.@+=,~]/gu;

/** What is wrong with a template, as a sentence; undefined for a good one. */
export function templateFault(template: string): string | undefined {
  const unknown = [...template.matchAll(ELEMENT)].find(([, name = '']) => !START_ELEMENTS.includes(name) && !END_ELEMENTS.includes(name));
  if (unknown !== undefined) return `{${unknown[1] ?? ''}} is none of {${[...START_ELEMENTS, ...END_ELEMENTS].join('} {')}}`;
  const segments = template.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return 'A name and its folders are parted by single slashes and are none of "." and ".."';
  return /[\0-\x1f\\]/.test(template) ? 'Control characters and backslashes are not allowed' : undefined;
}

/** True when each part of a recording has a name of its own by its start time. */
export function namesParts(template: string): boolean {
  return template.includes('{startTime}') || template.includes('{startTimeMillis}');
}

/**
 * The path of a file below the folder of recordings, without number and ending. What stands for an element is encoded
 * where it is unsafe in a name, as in a URL; elements of the end stay as they are until `end` is known.
 */
export function expandTemplate(template: string, facts: NameFacts, end?: EndFacts): string {
  const value = (name: string): string | undefined => {
    switch (name) {
      case 'streamName':
      case 'mediaSessionId':
      case 'login':
      case 'audioCodec':
      case 'videoCodec':
        return facts[name];
      case 'sessionId':
        return Buffer.from(facts.sessionId).toString('base64url');
      case 'startTime':
        return String(Math.round(facts.startTimeMs));
      case 'startTimeMillis':
        return String(facts.startTimeMillis);
      case 'duration':
        return end === undefined ? undefined : String(Math.round(end.durationMs));
      case 'endTime':
        return end === undefined ? undefined : String(Math.round(end.endTimeMs));
      case 'endTimeMillis':
        return end === undefined ? undefined : String(end.endTimeMillis);
      default:
        return undefined;
    }
  };
  const expanded = template.replace(ELEMENT, (element, name: string) => {
    const text = value(name);
    return text === undefined ? element : encodeUnsafe(text);
  });
  return expanded.split('/').map(fitName).join('/');
}

/** A URI as a file name: what is unsafe becomes `_`. */
export function nameOfUri(uri: string): string {
  return fitName(uri.replace(UNSAFE, '_'));
}

/** The file's path with the number of its part, counted from 1, and its ending. */
export function partPath(base: string, part: number | undefined, type: ContainerType): string {
  return `${base}${part === undefined ? '' : `_${part}`}.${type}`;
}

function encodeUnsafe(text: string): string {
  const encoded = text.replace(UNSAFE, (character) => Buffer.from(character, 'utf8').reduce((out, byte) => `${out}%${byte.toString(16).toUpperCase().padStart(2, '0')}`, ''));
  // Neither hidden nor a step to another folder.
  return encoded.replace(/^\./, '%2E');
}

/** Cuts a name to what file systems take, and never within a character or its encoding. */
function fitName(name: string): string {
  const room = FILE_NAME_MAX_BYTES - RESERVED_BYTES;
  if (Buffer.byteLength(name) <= room) return name;
  let fitted = '';
  let bytes = 0;
  for (const character of name.match(/%[0-9A-F]{2}|./gsu) ?? []) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    fitted += character;
  }
  return fitted;
}
