import { z } from 'zod';
import { toJson } from '../wire/answer.ts';

/** What a value is converted to before the schema sees it. */
export type FieldKind = 'boolean' | 'number' | 'string' | 'array' | 'object' | 'any';

/** One field of an operation's input, as the command line and the help see it. */
export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  /** Kind of the elements of an array. */
  readonly itemKind: FieldKind;
  readonly required: boolean;
  /** Type for people: `string`, `true|false`, `number, at least 1`, `array of string`. */
  readonly typeText: string;
  readonly description: string;
  /** JSON of the default, where there is one. */
  readonly defaultText: string | undefined;
  /** Words that are allowed, when only some are. */
  readonly choices: readonly string[];
  /** Not to be shown, kept or completed. */
  readonly secret: boolean;
}

/** The input of an operation. */
export interface InputShape {
  readonly fields: readonly Field[];
  /** True when fields of other names are taken too. */
  readonly open: boolean;
}

type JsonSchema = Readonly<Record<string, unknown>>;

const SECRET_NAME = /pass(?:word|wd|phrase)?$|secret|token|credential/i;

/** Shapes by schema: schemas never change, and describing one costs far more than looking it up. */
const shapes = new WeakMap<z.ZodType, InputShape>();

/** Reads the fields from a zod schema; `.meta({ writeOnly: true })` marks a secret, as do names like `password`. */
export function inputShape(schema: z.ZodType): InputShape {
  const known = shapes.get(schema);
  if (known !== undefined) return known;
  const shape = shapeOf(jsonSchemaOf(schema));
  shapes.set(schema, shape);
  return shape;
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  try {
    return { ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline', override: keepDefault }) };
  } catch {
    // A schema that JSON Schema can't express is still callable: every field is taken, the schema itself decides.
    return { additionalProperties: true };
  }
}

/** JSON Schema leaves the default of a converted field out, since it is the value after conversion; for people it is the default. */
function keepDefault({ zodSchema, jsonSchema }: { readonly zodSchema: z.core.$ZodTypes; readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  const { def } = zodSchema._zod;
  if (def.type === 'default') jsonSchema.default ??= def.defaultValue;
}

function shapeOf(schema: JsonSchema): InputShape {
  const variants = [...schemasOf(schema['anyOf']), ...schemasOf(schema['oneOf'])].map(shapeOf);
  const parts = schemasOf(schema['allOf']).map(shapeOf);
  const own = fieldsOf(schema);
  const fields = new Map<string, Field>();
  // A field of one variant only is optional on the whole.
  for (const variant of variants) for (const field of variant.fields) fields.set(field.name, { ...field, required: false });
  for (const field of [...parts.flatMap((part) => part.fields), ...own]) fields.set(field.name, field);
  const extra = schema['additionalProperties'];
  const open = extra === true || isSchema(extra) || [...variants, ...parts].some((shape) => shape.open);
  return { fields: [...fields.values()], open };
}

function fieldsOf(schema: JsonSchema): Field[] {
  const properties = schema['properties'];
  if (!isSchema(properties)) return [];
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  return Object.entries(properties).map(([name, property]) => {
    const inner = isSchema(property) ? property : {};
    const fallback = inner['default'];
    return {
      name,
      kind: kindOf(inner),
      itemKind: isSchema(inner['items']) ? kindOf(inner['items']) : 'string',
      required: required.has(name) && fallback === undefined,
      typeText: typeTextOf(inner),
      description: typeof inner['description'] === 'string' ? inner['description'] : '',
      defaultText: fallback === undefined ? undefined : toJson(fallback),
      choices: choicesOf(inner),
      secret: inner['writeOnly'] === true || SECRET_NAME.test(name),
    };
  });
}

function kindOf(schema: JsonSchema): FieldKind {
  const types = typesOf(schema);
  types.delete('null');
  // "true or its text" and "a number or its text" are how WCS clients send them.
  if (types.size === 2) types.delete('string');
  const [type, another] = types;
  if (another !== undefined) return 'any';
  switch (type) {
    case 'boolean':
    case 'string':
    case 'array':
    case 'object':
    case 'number':
      return type;
    case 'integer':
      return 'number';
    default:
      return 'any';
  }
}

function typesOf(schema: JsonSchema): Set<string> {
  const type = schema['type'];
  if (typeof type === 'string') return new Set([type]);
  if (Array.isArray(type)) return new Set(type.map(String));
  const values = Array.isArray(schema['enum']) ? schema['enum'] : 'const' in schema ? [schema['const']] : [];
  const variants = [...schemasOf(schema['anyOf']), ...schemasOf(schema['oneOf']), ...schemasOf(schema['allOf'])];
  return new Set([...values.map((value) => typeof value), ...variants.flatMap((variant) => [...typesOf(variant)])]);
}

function choicesOf(schema: JsonSchema): string[] {
  if (kindOf(schema) === 'boolean') return ['true', 'false'];
  const values = Array.isArray(schema['enum']) ? schema['enum'] : 'const' in schema ? [schema['const']] : [];
  const variants = [...schemasOf(schema['anyOf']), ...schemasOf(schema['oneOf'])];
  return [...values.map(String), ...variants.flatMap(choicesOf)];
}

function typeTextOf(schema: JsonSchema): string {
  const kind = kindOf(schema);
  const choices = choicesOf(schema);
  if (choices.length > 0) return choices.join('|');
  if (kind === 'array') return `array of ${isSchema(schema['items']) ? typeTextOf(schema['items']) : 'any'}`;
  const least = schema['minimum'];
  const most = schema['maximum'];
  const bounds = [
    typeof least === 'number' && least > Number.MIN_SAFE_INTEGER ? `at least ${least}` : '',
    typeof most === 'number' && most < Number.MAX_SAFE_INTEGER ? `at most ${most}` : '',
  ];
  return [kind, ...bounds.filter((bound) => bound !== '')].join(', ');
}

function schemasOf(value: unknown): JsonSchema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
