/** How long a session lives without a sign of life where its header doesn't say. @see RFC 2326 section 12.37 */
export const DEFAULT_SESSION_TIMEOUT_S = 60;
const MAX_SESSION_TIMEOUT_S = 86_400;

/** @see RFC 2326 section 12.37 */
export interface SessionHeader {
  readonly id: string;
  readonly timeoutS: number;
}

/** The id and its timeout; undefined where there is no id. */
export function parseSession(value: string): SessionHeader | undefined {
  const [id = '', ...parameters] = value.split(';').map((part) => part.trim());
  if (id === '' || /\s/.test(id)) return undefined;
  const [, digits] = parameters.map((part) => /^timeout\s*=\s*"?(\d{1,9})"?$/i.exec(part)).find((match) => match !== null) ?? [];
  const timeoutS = digits === undefined ? 0 : Math.min(Number(digits), MAX_SESSION_TIMEOUT_S);
  return { id, timeoutS: timeoutS > 0 ? timeoutS : DEFAULT_SESSION_TIMEOUT_S };
}

/** The header of a session, with its timeout. */
export function encodeSession({ id, timeoutS }: SessionHeader): string {
  return `${id};timeout=${timeoutS}`;
}
