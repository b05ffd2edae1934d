import type { Metrics } from 'wcs-core';

/** The blocks of the statistics page, as the registry of metrics gives them. */
export type StatGroups = ReturnType<Metrics['groups']>;

/** What a reader of the statistics page asks for; everything when both are empty. */
export interface StatSelection {
  /** Names of blocks, e.g. `connections_stats`. */
  readonly groups: readonly string[];
  /** Names of values, e.g. `connections_hls`; `name` also selects `name[label]`. */
  readonly params: readonly string[];
}

/** Reads `groups=a,b` and `params=c` of a query string; a key may be repeated. */
export function parseStatSelection(query: URLSearchParams): StatSelection {
  const listOf = (key: string): string[] =>
    query
      .getAll(key)
      .flatMap((text) => text.split(','))
      .map((word) => word.trim())
      .filter((word) => word !== '');
  return { groups: listOf('groups'), params: listOf('params') };
}

/** The blocks and values that were asked for; a block without any is left out. */
export function selectStats(all: StatGroups, { groups, params }: StatSelection): StatGroups {
  return all
    .filter(({ group }) => groups.length === 0 || groups.includes(group))
    .map(({ group, values }) => ({ group, values: values.filter(({ name }) => params.length === 0 || params.includes(name) || params.includes(withoutLabels(name))) }))
    .filter(({ values }) => values.length > 0);
}

/**
 * The text form: a header line of dashes and the block's name, then `key=value` lines. Clients take the first word after
 * the dashes for the block and split each other line at its first `=`, and they cannot bear a value before a header.
 *
 * @see wcs-rest-api.md section 13
 */
export function formatStatText(groups: StatGroups): string {
  return groups.map(({ group, values }) => [`-----${group}-----`, ...values.map(({ name, value }) => `${name}=${oneLine(value)}`)].join('\n') + '\n').join('');
}

/** The same as JSON: `{ connections_stats: { connections: 3 } }`. */
export function formatStatJson(groups: StatGroups): Record<string, Record<string, number | string>> {
  return Object.fromEntries(groups.map(({ group, values }) => [group, Object.fromEntries(values.map(({ name, value }) => [name, value]))]));
}

function withoutLabels(name: string): string {
  const bracket = name.indexOf('[');
  return bracket < 0 ? name : name.slice(0, bracket);
}

function oneLine(value: number | string): string {
  return String(value).replace(/[\r\n]+/g, ' ');
}
