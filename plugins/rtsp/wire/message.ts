/** Header lines in the order of the wire; names as they were written. */
export type RtspHeaders = readonly (readonly [name: string, value: string])[];

/** @see RFC 2326 section 6 */
export interface RtspRequest {
  readonly type: 'request';
  /** As written; method names are case-sensitive. */
  readonly method: string;
  /** Absolute URI, or `*`. */
  readonly uri: string;
  /** `1.0`, behind `RTSP/`. */
  readonly version: string;
  readonly headers: RtspHeaders;
  readonly body: Uint8Array;
}

/** @see RFC 2326 section 7 */
export interface RtspResponse {
  readonly type: 'response';
  readonly status: number;
  readonly reason: string;
  readonly version: string;
  readonly headers: RtspHeaders;
  readonly body: Uint8Array;
}

/** Binary data between the messages. @see RFC 2326 section 10.12 */
export interface InterleavedFrame {
  readonly type: 'interleaved';
  readonly channel: number;
  /** Shares memory with what was fed to the reader. */
  readonly data: Uint8Array;
}

/** Whatever a connection carries. */
export type RtspMessage = RtspRequest | RtspResponse | InterleavedFrame;

/** The first value of a header, whatever its case; without white space around it. */
export function headerOf({ headers }: { readonly headers: RtspHeaders }, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return headers.find(([own]) => own.toLowerCase() === wanted)?.[1];
}

/** Every value of a header that may come several times. */
export function allHeadersOf({ headers }: { readonly headers: RtspHeaders }, name: string): readonly string[] {
  const wanted = name.toLowerCase();
  return headers.filter(([own]) => own.toLowerCase() === wanted).map(([, value]) => value);
}

/** The number that pairs requests and responses; undefined when there is none, or no number. @see RFC 2326 section 12.17 */
export function cseqOf(message: { readonly headers: RtspHeaders }): number | undefined {
  const text = headerOf(message, 'CSeq');
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** The method names of a Public or Allow header, in upper case. @see RFC 2326 sections 12.4 and 12.28 */
export function methodsOf(value: string): ReadonlySet<string> {
  return new Set(value.split(/[,\s]+/).filter((method) => method !== '').map((method) => method.toUpperCase()));
}
