/** A call of an operation over REST. */
export interface RestCall {
  readonly url: string;
  /** Dotted. */
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly user: string;
  readonly password: string;
}

/** How a server answered: `unreachable` and `signIn` (401, 429) mean that the operation was not tried. */
export type RestAnswer =
  | { readonly type: 'done'; readonly value: unknown }
  | { readonly type: 'failed' | 'signIn' | 'unreachable'; readonly sentence: string };

const SIGN_IN_STATUSES: readonly number[] = [401, 429];

/** Calls `POST <url>/rest-api/<group>/<verb>` with HTTP Basic credentials. Never throws for what the server or the network does. */
export async function callRest({ url, operation, input, user, password }: RestCall): Promise<RestAnswer> {
  const credentials = Buffer.from(`${user}:${password}`).toString('base64');
  try {
    const response = await fetch(`${url}/rest-api/${operation.replaceAll('.', '/')}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Basic ${credentials}` },
      body: JSON.stringify(input),
      // The credentials are for this server and no other.
      redirect: 'error',
    });
    const value = valueOf(await response.text());
    if (response.ok) return { type: 'done', value };
    return { type: SIGN_IN_STATUSES.includes(response.status) ? 'signIn' : 'failed', sentence: sentenceOf(value, response.status) };
  } catch (error) {
    return { type: 'unreachable', sentence: `No server answers at ${url} (${reasonOf(error)}). Is it running, and is its http plugin on? Another address: --url` };
  }
}

function valueOf(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The code and sentence of an error answer, `{ error: { code, message } }`. */
function sentenceOf(value: unknown, status: number): string {
  const error = fieldOf(value, 'error');
  const [code, message] = [fieldOf(error, 'code'), fieldOf(error, 'message')];
  return typeof code === 'string' && typeof message === 'string' ? `${code}: ${message}` : `The server answered with HTTP status ${status}.`;
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = fieldOf(cause, 'code');
  if (typeof code === 'string') return code;
  return cause instanceof Error ? cause.message : String(error);
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
