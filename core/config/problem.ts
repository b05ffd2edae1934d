import { WcsError } from '../errors/wcs-error.ts';

/** One thing wrong with the configuration. */
export interface Problem {
  /** 1-based place in wcs.yml; 0 when the value came from elsewhere, which `message` then names. */
  readonly line: number;
  readonly column: number;
  /** Dotted path of the setting; empty when the text as a whole is at fault. */
  readonly key: string;
  readonly message: string;
}

/** `line 3, column 5: ports.media.from: must be …`. */
export function formatProblem({ line, column, key, message }: Problem): string {
  const place = line === 0 ? '' : `line ${line}, column ${column}: `;
  return `${place}${key === '' ? '' : `${key}: `}${message}`;
}

/** CONFIG_E_INVALID with every problem in its sentence and in `details.problems`. */
export function configError(what: string, problems: readonly Problem[]): WcsError {
  return new WcsError('CONFIG_E_INVALID', `${what}: ${problems.map(formatProblem).join('; ')}`, { details: { problems } });
}
