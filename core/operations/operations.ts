import type { z } from 'zod';
import { WcsError } from '../errors/wcs-error.ts';
import type { AnyOperation, Caller, Operation, OperationCall } from './operation.ts';

/** `stream.find_all`, `plugin.reload`, `stream.inject3.startup`, `multipleRecorder.add`. */
const NAME = /^[a-z][A-Za-z0-9_-]*(?:\.[A-Za-z][A-Za-z0-9_-]*)+$/;

/** Every operation of kernel and plugins by name; front ends list it and call through it. */
export class Operations {
  /** Registrations of one name, newest last: a generation that is swapped in covers the one that drains. */
  readonly #byName = new Map<string, AnyOperation[]>();

  /**
   * Makes an operation callable until the returned release is called; a later registration of the name covers this one.
   *
   * @throws WcsError PLUGIN_E_MANIFEST for a name that is not dotted words
   */
  register<I, O>(operation: Operation<I, O>): () => void {
    const { name } = operation;
    if (!NAME.test(name)) throw new WcsError('PLUGIN_E_MANIFEST', `Operation name ${JSON.stringify(name)} is not of the form group.verb.`);
    const entry: AnyOperation = { ...operation, handler: (input, call) => operation.handler(input as I, call) };
    this.#byName.set(name, [...(this.#byName.get(name) ?? []), entry]);
    return () => {
      const rest = (this.#byName.get(name) ?? []).filter((other) => other !== entry);
      if (rest.length === 0) this.#byName.delete(name);
      else this.#byName.set(name, rest);
    };
  }

  /** The newest operation of that name, else one that has it as an alias. */
  get(nameOrAlias: string): AnyOperation | undefined {
    return this.#byName.get(nameOrAlias)?.at(-1) ?? this.list().find((operation) => operation.aliases?.includes(nameOrAlias));
  }

  /** All operations, sorted by name. */
  list(): AnyOperation[] {
    const newest = [...this.#byName.values()].flatMap((entries) => entries.slice(-1));
    return newest.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Checks the role, validates the input and runs the handler; what the handler throws comes through as it is.
   *
   * @throws WcsError OPERATION_E_UNKNOWN; ACCESS_E_REFUSED when the role is too low;
   *   OPERATION_E_INPUT naming the first field at fault, all of them in `details.issues`
   */
  async call(nameOrAlias: string, input: unknown, call: OperationCall): Promise<unknown> {
    const operation = this.get(nameOrAlias);
    if (operation === undefined) throw new WcsError('OPERATION_E_UNKNOWN', `There is no operation ${JSON.stringify(nameOrAlias.slice(0, 200))}.`);
    checkRole(operation, call.caller);
    const parsed = await operation.input.safeParseAsync(input ?? {});
    if (!parsed.success) throw inputError(operation.name, parsed.error);
    return operation.handler(parsed.data, call);
  }
}

function checkRole(operation: AnyOperation, caller: Caller): void {
  if (operation.role === 'admin' && caller.role !== 'admin') {
    throw new WcsError('ACCESS_E_REFUSED', `${operation.name} needs the role admin; ${caller.user} has the role ${caller.role}.`);
  }
}

function inputError(operation: string, error: z.ZodError): WcsError {
  const issues = error.issues.map(({ path, message }) => ({ field: path.map(String).join('.'), reason: message }));
  const [first = { field: '', reason: 'Invalid input' }] = issues;
  const where = first.field === '' ? '' : ` field ${JSON.stringify(first.field)}:`;
  return new WcsError('OPERATION_E_INPUT', `${operation}:${where} ${first.reason}.`, { details: { ...first, issues } });
}
