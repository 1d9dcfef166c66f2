import { isDeepStrictEqual } from 'node:util';
import type { Tx } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA } from '../db/sql-names.ts';
import {
  asPackage,
  type LedgerDictionary,
  lockDictionary,
  type Resource,
  readNewest,
  writeVersion,
} from '../dictionary/dictionary-versions.ts';
import { dictionaryInvalid, type Finding } from '../dictionary/faults.ts';
import { checkDescriptor, parseDictionary } from '../dictionary/parse-dictionary.ts';
import { LongshoreError } from '../errors.ts';
import type { Dictionary, Table } from '../types.ts';
import { ensureIn } from './ensure-tables.ts';
import { planTables, RELATION_KINDS } from './plan-tables.ts';
import { ensureReadViews } from './read-views.ts';
import { readCatalog } from './table-catalog.ts';

export interface AddRequest {
  /** A Data Package descriptor, or one resource of one. Not checked yet. */
  readonly descriptor: unknown;
  /** ID of the API key. */
  readonly by: string;
  /** Check everything, and change nothing. */
  readonly dryRun: boolean;
}

export interface AddedTables {
  /** As the dictionary is with them. */
  readonly dictionary: Dictionary;
  /** Every table of the request, in the order of their references. */
  readonly tables: readonly Table[];
  /** Names of those that were not there before, with the same definition. */
  readonly added: readonly string[];
  /** What was run, or in a dry run would be. */
  readonly statements: readonly string[];
  /** What of the request is ignored although it may have been meant, with its place there. */
  readonly warnings: readonly Finding[];
}

/**
 * Takes new tables into the dictionary, and makes them, in the caller's transaction: all or none. Tables that the
 * dictionary has with the very same definition are left as they are, so that a request may be repeated.
 *
 * @throws LongshoreError `dictionary-invalid`, with places in the request's descriptor; `table-exists` where a name is
 *   that of another table, or of something else in the database
 */
export async function addTables(tx: Tx, { descriptor, by, dryRun }: AddRequest): Promise<AddedTables> {
  await lockDictionary(tx);
  const before = await readNewest(tx);
  if (before === null) throw new LongshoreError('internal', 'the ledger has no dictionary');
  const given = asGiven(descriptor);
  const { resources, tables, warnings } = parseWith(before, given);
  const known = new Map(before.tables.map((table) => [table.name, table]));
  refuseOthers(tables, known);
  const fresh = tables.filter(({ name }) => !known.has(name));
  const added = fresh.map(({ name }) => name);
  if (fresh.length === 0) return { dictionary: before, tables, added, statements: [], warnings };
  refuseAlike(added, [...known.keys()]);
  await refuseTaken(tx, added);
  const catalog = await readCatalog(tx, added);
  const plan = planTables({ ...before, tables: fresh }, catalog);
  const statements = [...plan.open, ...plan.exclusive, ...plan.comments].map(({ sql }) => sql);
  const merged = {
    ...before.descriptor,
    resources: [...before.descriptor.resources, ...resources.filter(({ name }) => added.includes(name))],
  };
  if (dryRun) return { dictionary: parseDictionary(merged), tables, added, statements, warnings };
  const dictionary = await writeVersion(tx, {
    descriptor: merged,
    base: before,
    before,
    change: 'add',
    changedBy: by,
  });
  await ensureIn(tx, { ...dictionary, tables: fresh });
  await ensureReadViews(tx, fresh);
  return { dictionary, tables, added, statements, warnings };
}

interface Given {
  readonly resources: readonly unknown[];
  /** Of a resource by its place, as the request's descriptor has it. */
  readonly pointer: (place: number) => string;
}

function asGiven(descriptor: unknown): Given {
  const { resources } = (descriptor ?? {}) as { resources?: unknown };
  if (Array.isArray(resources)) return { resources, pointer: (place) => `#/resources/${place}` };
  if (resources === undefined) return { resources: [descriptor], pointer: () => '#' };
  // Its shape is at fault: the parser says how.
  parseDictionary(descriptor);
  return { resources: asPackage(descriptor).resources, pointer: (place) => `#/resources/${place}` };
}

/** Parses the tables together with the others of the dictionary, which they may refer to. */
function parseWith(before: LedgerDictionary, given: Given): Parsed {
  const names = new Set(given.resources.map((one) => (one as { name?: unknown } | null)?.name));
  const others = before.descriptor.resources.filter(({ name }) => !names.has(name));
  if (given.resources.length === 0) parseDictionary({ resources: [] });
  const found = checkDescriptor({ ...before.descriptor, resources: [...others, ...given.resources] });
  const inRequest = (findings: readonly Finding[]) =>
    findings.flatMap(({ pointer, detail }) => {
      const [, index, rest] = /^#\/resources\/(\d+)(.*)$/s.exec(pointer) ?? [];
      const at = Number(index) - others.length;
      return at >= 0 ? [{ detail, pointer: `${given.pointer(at)}${rest}` }] : [];
    });
  if (found.dictionary === null) {
    const faults = inRequest(found.faults);
    throw faults.length > 0 ? dictionaryInvalid(faults) : refusedByOthers(before, [...names]);
  }
  return {
    resources: asPackage({ resources: given.resources }).resources,
    tables: found.dictionary.tables.filter(({ name }) => names.has(name)),
    warnings: inRequest(found.warnings),
  };
}

interface Parsed {
  readonly resources: readonly Resource[];
  readonly tables: readonly Table[];
  readonly warnings: readonly Finding[];
}

/** Others refer to what a table of this name would not have: so it is not the one that is there. */
function refusedByOthers(before: Dictionary, names: readonly unknown[]): LongshoreError {
  const there = before.tables.filter(({ name }) => names.includes(name)).map(({ name }) => name);
  return taken(there.map((name) => `the dictionary has a table ${name} already, with another definition`));
}

function refuseOthers(tables: readonly Table[], known: ReadonlyMap<string, Table>): void {
  const faults = tables.flatMap((table) => {
    const there = known.get(table.name);
    if (there === undefined || isDeepStrictEqual(there, table)) return [];
    const where = differences(there, table).slice(0, MOST_TOLD).join(', ');
    return [`the dictionary has a table ${table.name} already, with another definition (${where})`];
  });
  if (faults.length > 0) throw taken(faults);
}

/** Places at which definitions differ that are named in a message. */
const MOST_TOLD = 5;

/** Where two definitions differ, as paths of members; lists of fields by name. */
function differences(a: unknown, b: unknown, path = ''): string[] {
  if (isDeepStrictEqual(a, b)) return [];
  const objects = [a, b].every((one) => typeof one === 'object' && one !== null);
  if (!objects) return [path];
  const [left, right] = [a, b].map((one) => (Array.isArray(one) ? byName(one) : (one as object)));
  const keys = new Set([...Object.keys(left!), ...Object.keys(right!)]);
  const at = (object: object, key: string) => (object as Record<string, unknown>)[key];
  const inside = [...keys].flatMap((key) =>
    differences(at(left!, key), at(right!, key), path === '' ? key : `${path}.${key}`),
  );
  // The same fields in another order.
  return inside.length > 0 ? inside : [path];
}

function byName(list: readonly unknown[]): object {
  return Object.fromEntries(list.map((one, i) => [(one as { name?: string } | null)?.name ?? i, one]));
}

/** Whoever writes SQL without quotes could not tell two such tables apart. */
function refuseAlike(added: readonly string[], known: readonly string[]): void {
  const faults = added.flatMap((name, i) => {
    const alike = [...known, ...added.slice(0, i)].find((one) => one.toLowerCase() === name.toLowerCase());
    return alike === undefined
      ? []
      : [`${name} differs from the table ${alike} by upper and lower case only`];
  });
  if (faults.length > 0) throw taken(faults);
}

/** A start takes over a table that the database has; a request makes new ones only. */
async function refuseTaken(tx: Sql, names: readonly string[]): Promise<void> {
  const relations = await tx.query<{ name: string; kind: string }>(TAKEN, [DATA_SCHEMA, names]);
  if (relations.length === 0) return;
  const faults = relations.map(({ name, kind }) => {
    const what = kind === 'type' ? 'a type' : (RELATION_KINDS[kind] ?? 'a table');
    return `the database has ${what} ${name} already, which is not in the dictionary`;
  });
  throw taken(faults);
}

const TAKEN = `
  select relname::text as name, relkind::text as kind from pg_class
   where relnamespace = $1::regnamespace and relname = any ($2)
  union all
  select typname::text, 'type' from pg_type
   where typnamespace = $1::regnamespace and typname = any ($2) and typrelid = 0 and typcategory <> 'A'
   order by 1`;

function taken(faults: readonly string[]): LongshoreError {
  return new LongshoreError('table-exists', faults.join('; '));
}
