/** When a recording goes on in a new file. */
export type Rotation = { readonly by: 'time'; readonly us: number } | { readonly by: 'size'; readonly bytes: number };

const BYTES_PER_MB = 1024 * 1024;
const US_PER_S = 1_000_000;
const WORD = /^(\d{1,7})(M?)$/i;

/** Reads `10` (seconds) and `10M` (megabytes); `0` and nothing mean a single file. @throws RangeError for anything else */
export function parseRotation(text: string): Rotation | undefined {
  const word = text.trim();
  const match = WORD.exec(word);
  if (word === '') return undefined;
  if (match === null) throw new RangeError(`${JSON.stringify(text.slice(0, 20))} is neither a number of seconds (10) nor of megabytes (10M)`);
  const amount = Number(match[1]);
  if (amount === 0) return undefined;
  return match[2] === '' ? { by: 'time', us: amount * US_PER_S } : { by: 'size', bytes: amount * BYTES_PER_MB };
}
