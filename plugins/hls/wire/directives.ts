/** What a client asks of a playlist beyond its present state. @see RFC 8216bis section 6.2.5 */
export interface DeliveryDirectives {
  /** Answer when this segment, or the part of it, is listed. */
  readonly block?: { readonly msn: number; readonly part?: number };
  /** Answer with a delta. */
  readonly skip: boolean;
}

/** The query of a playlist or media URL, taken apart. */
export interface HlsQuery {
  readonly directives: DeliveryDirectives;
  /** `type=ts` or `type=fmp4`. */
  readonly container?: 'ts' | 'fmp4';
  /** Everything that isn't ours, in the client's order: `token`, `aclAuth`… */
  readonly params: Readonly<Record<string, string>>;
  /** The same parameters encoded, with a leading `?`; empty when there are none. */
  readonly suffix: string;
}

/** Longest query taken, in characters: it is repeated on every URI of a playlist. */
export const QUERY_MAX = 1024;
const WHOLE_NUMBER = /^\d{1,15}$/;
const RESERVED = /^_HLS_/;

/**
 * Reads the query of a request.
 *
 * @param query without the question mark
 * @returns the reason of a refusal as a text
 */
export function parseHlsQuery(query: string): HlsQuery | string {
  if (query.length > QUERY_MAX) return `The query has more than ${QUERY_MAX} characters.`;
  const all = new URLSearchParams(query);
  const msn = wholeNumber(all.get('_HLS_msn'));
  const part = wholeNumber(all.get('_HLS_part'));
  if (msn === 'malformed' || part === 'malformed') return '_HLS_msn and _HLS_part are whole numbers.';
  if (part !== undefined && msn === undefined) return '_HLS_part needs _HLS_msn.';
  const type = all.get('type');
  const own = [...all].filter(([name]) => !RESERVED.test(name) && name !== 'type');
  const skip = all.get('_HLS_skip');
  return {
    directives: {
      ...(msn === undefined ? {} : { block: { msn, ...(part === undefined ? {} : { part }) } }),
      skip: skip === 'YES' || skip === 'v2',
    },
    ...(type === 'ts' || type === 'fmp4' ? { container: type } : {}),
    params: Object.fromEntries(own),
    suffix: own.length === 0 ? '' : `?${new URLSearchParams(own).toString()}`,
  };
}

function wholeNumber(text: string | null): number | 'malformed' | undefined {
  if (text === null) return undefined;
  return WHOLE_NUMBER.test(text) ? Number(text) : 'malformed';
}
