import type { AccessRequest } from 'wcs-core';

const MAX_PARAMS = 64;
const MAX_VALUE_LENGTH = 4096;

/** The `custom` value of a client as parameters for the access chain: its texts, numbers and truth values. */
export function paramsOf(custom: unknown): AccessRequest['params'] {
  if (typeof custom === 'string') return custom === '' ? {} : { custom: custom.slice(0, MAX_VALUE_LENGTH) };
  if (typeof custom !== 'object' || custom === null || Array.isArray(custom)) return {};
  const plain = Object.entries(custom).flatMap(([name, value]: [string, unknown]) => {
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return isPlain ? [[name, String(value).slice(0, MAX_VALUE_LENGTH)] as const] : [];
  });
  return Object.fromEntries(plain.slice(0, MAX_PARAMS));
}
