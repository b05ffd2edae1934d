/** Text of an address that a peer may send, and parameters in it, at most. */
const MAX_URL_CHARACTERS = 4096;
const MAX_PARAMS = 64;

/** Named values of an address. */
export type UrlParams = Readonly<Record<string, string>>;

/** What stands before and behind the first `?`. */
export interface SplitAddress {
  readonly path: string;
  readonly params: UrlParams;
}

/** Parts `NAME?B=2` into its path and its parameters; never throws, and cuts off what is beyond all reason. */
export function splitAddress(text: string): SplitAddress {
  const at = text.indexOf('?');
  if (at < 0) return { path: text, params: {} };
  return { path: text.slice(0, at), params: parseQuery(text.slice(at + 1)) };
}

/** Decodes `A=1&B=2`; of a repeated name the last value counts. */
export function parseQuery(query: string): UrlParams {
  const pairs = [...new URLSearchParams(query.slice(0, MAX_URL_CHARACTERS))].filter(([name]) => name !== '');
  return Object.fromEntries(pairs.slice(0, MAX_PARAMS));
}
