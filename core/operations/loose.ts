import { z } from 'zod';

/** Accepts `true`, `false` and, as WCS clients send them, `"true"`, `"false"` in any case; gives a boolean. */
export function looseBoolean() {
  return z.union([z.boolean(), z.string()], { error: 'Expected true or false' }).transform((value, context) => {
    if (typeof value === 'boolean') return value;
    const word = value.trim().toLowerCase();
    if (word === 'true' || word === 'false') return word === 'true';
    context.addIssue({ code: 'custom', message: 'Expected true or false' });
    return z.NEVER;
  });
}

/** Accepts a finite number or its decimal text (`"25"`, `"-0.5"`); gives a number. Bounds follow by `.pipe(z.number().min(0))`. */
export function looseNumber() {
  return z.union([z.number(), z.string()], { error: 'Expected a number' }).transform((value, context) => {
    if (typeof value === 'number') return value;
    if (/^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?\s*$/i.test(value) && Number.isFinite(Number(value))) return Number(value);
    context.addIssue({ code: 'custom', message: 'Expected a number' });
    return z.NEVER;
  });
}
