/** RTCP: `parseRtcp` reads a whole compound into a discriminated union, `encodeRtcp` writes one. */
export { encodeRtcp } from './rtcp/encode.ts';
export { parseRtcp } from './rtcp/parse.ts';
export * from './rtcp/types.ts';
