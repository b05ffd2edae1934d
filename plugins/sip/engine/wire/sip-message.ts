import { splitOutsideQuotes } from './characters.ts';
import { canonicalName } from './header-names.ts';

interface HeaderField {
  readonly key: string;
  readonly name: string;
  readonly value: string;
}

/** The header fields of a message in their order; names are found in any case and in compact form. */
export class SipHeaders {
  #fields: HeaderField[] = [];

  static of(fields: Iterable<readonly [name: string, value: string]>): SipHeaders {
    const headers = new SipHeaders();
    for (const [name, value] of fields) headers.add(name, value);
    return headers;
  }

  get size(): number {
    return this.#fields.length;
  }

  /** The first value of a header. */
  get(name: string): string | undefined {
    const key = keyOf(name);
    return this.#fields.find((field) => field.key === key)?.value;
  }

  /** The fields of a header, each as it stands. */
  all(name: string): string[] {
    const key = keyOf(name);
    return this.#fields.filter((field) => field.key === key).map(({ value }) => value);
  }

  /** The values of a header that is a list, whether in one field or in several; undefined when a field is malformed. */
  list(name: string): string[] | undefined {
    const values: string[] = [];
    for (const field of this.all(name)) {
      const parts = splitOutsideQuotes(field, ',');
      if (parts === undefined) return undefined;
      for (const part of parts) if (part !== '') values.push(part);
    }
    return values;
  }

  /** The words of a header that lists tokens (Supported, Require), in lower case. */
  tokens(name: string): string[] {
    return (this.list(name) ?? []).map((word) => word.toLowerCase());
  }

  has(name: string): boolean {
    const key = keyOf(name);
    return this.#fields.some((field) => field.key === key);
  }

  add(name: string, value: string): void {
    const canonical = canonicalName(name);
    this.#fields.push({ key: canonical.toLowerCase(), name: canonical, value });
  }

  /** Puts a field before all others. */
  prepend(name: string, value: string): void {
    const canonical = canonicalName(name);
    this.#fields.unshift({ key: canonical.toLowerCase(), name: canonical, value });
  }

  /** Replaces all fields of a header by one, in the place of the first. */
  set(name: string, value: string): void {
    const canonical = canonicalName(name);
    const key = canonical.toLowerCase();
    const at = this.#fields.findIndex((field) => field.key === key);
    if (at === -1) return this.add(canonical, value);
    this.#fields = this.#fields.filter((field, index) => index <= at || field.key !== key);
    this.#fields[at] = { key, name: canonical, value };
  }

  delete(name: string): void {
    const key = keyOf(name);
    this.#fields = this.#fields.filter((field) => field.key !== key);
  }

  /** Names in their usual spelling. */
  *[Symbol.iterator](): IterableIterator<readonly [name: string, value: string]> {
    for (const { name, value } of this.#fields) yield [name, value];
  }

  copy(): SipHeaders {
    return SipHeaders.of(this);
  }
}

function keyOf(name: string): string {
  return canonicalName(name).toLowerCase();
}

/** A request. @see RFC 3261 section 7.1 */
export interface SipRequest {
  readonly type: 'request';
  readonly method: string;
  uri: string;
  readonly headers: SipHeaders;
  readonly body: Uint8Array;
}

/** A response. @see RFC 3261 section 7.2 */
export interface SipResponse {
  readonly type: 'response';
  readonly status: number;
  readonly reason: string;
  readonly headers: SipHeaders;
  readonly body: Uint8Array;
}

export type SipMessage = SipRequest | SipResponse;

/** No body. */
export const EMPTY_BODY: Uint8Array = new Uint8Array(0);

/** Number and method of a CSeq header. */
export interface CSeq {
  readonly number: number;
  readonly method: string;
}

/** Parses a CSeq value; undefined when it is none, or its number out of range. @see RFC 3261 section 20.16 */
export function parseCSeq(text: string | undefined): CSeq | undefined {
  const [, digits, method] = /^(\d{1,10}) ([^\s]+)$/.exec(text ?? '') ?? [];
  if (digits === undefined || method === undefined) return undefined;
  return { number: Number(digits), method };
}
