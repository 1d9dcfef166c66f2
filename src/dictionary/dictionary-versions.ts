import { isDeepStrictEqual } from 'node:util';
import { hashOfJson } from '../canonical-json.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { quoted } from '../shorten.ts';
import type { Dictionary, Table } from '../types.ts';
import type { DictionaryBase, DictionaryChange } from './dictionary-kinds.ts';
import type { JsonObject } from './faults.ts';
import { parseDictionary } from './parse-dictionary.ts';

/** A resource of a descriptor that was parsed, as it was written. */
export type Resource = JsonObject & { readonly name: string };

/** A descriptor that was parsed, as it was written. */
export type Descriptor = JsonObject & { readonly resources: readonly Resource[] };

/** What was parsed without a fault, as a package: a lone resource is the only one of its own. */
export function asPackage(parsed: unknown): Descriptor {
  const { resources, name } = parsed as { resources?: unknown; name?: unknown };
  return (resources === undefined ? { name, resources: [parsed] } : parsed) as Descriptor;
}

/** A version of the dictionary as the ledger has it. */
export interface LedgerDictionary extends Dictionary {
  /** Counts versions from 1. */
  readonly no: number;
  readonly descriptor: Descriptor;
  readonly base: DictionaryBase;
  readonly baseHash: string;
  /** Hashes of the base's resources, by name. */
  readonly baseTables: Readonly<Record<string, string>>;
  /** By table, the version in which it came: a table that was removed and made anew is another one. */
  readonly since: Readonly<Record<string, number>>;
}

/** A version to be written. */
export interface NewVersion {
  readonly descriptor: Descriptor;
  readonly base: Pick<LedgerDictionary, 'base' | 'baseHash' | 'baseTables'>;
  /** The version before; null: there is none. */
  readonly before: LedgerDictionary | null;
  readonly change: DictionaryChange;
  /** ID of the API key, or `start`. */
  readonly changedBy: string;
  /** Of tables that come back: the version in which they came at first. */
  readonly since?: Readonly<Record<string, number>>;
}

const NEWEST_NO = statement<{ no: number }>`select no from longshore.dictionary order by no desc limit 1`;

/** @returns the number of the version that holds; null: the ledger has none yet */
export async function newestNo(db: Pick<Sql, 'query'>): Promise<number | null> {
  const [row] = await db.query(NEWEST_NO);
  return row?.no ?? null;
}

const READ_NEWEST = statement<{
  no: number;
  version: string;
  descriptor: string;
  base: DictionaryBase;
  baseHash: string;
  baseTables: Record<string, string>;
  since: Record<string, number>;
}>`
  select no, version, descriptor, base, base_hash as "baseHash", base_tables as "baseTables", since
    from longshore.dictionary order by no desc limit 1`;

/**
 * @param known another version: tables that are the same in both are the same objects, which caches go by
 * @returns the version that holds; null: the ledger has none yet
 */
export async function readNewest(
  db: Pick<Sql, 'query'>,
  known: Dictionary | null = null,
): Promise<LedgerDictionary | null> {
  const [row] = await db.query(READ_NEWEST);
  if (row === undefined) return null;
  const { descriptor: text, version, ...rest } = row;
  const descriptor = JSON.parse(text) as Descriptor;
  const { name, tables } = parseDictionary(descriptor, { mayBeEmpty: true });
  return { ...rest, name, version, tables: tables.map((table) => sameOf(known, table)), descriptor };
}

function sameOf(known: Dictionary | null, table: Table): Table {
  const before = known?.tables.find(({ name }) => name === table.name);
  return before !== undefined && isDeepStrictEqual(before, table) ? before : table;
}

const INSERT = statement`
  insert into longshore.dictionary
    (no, name, version, descriptor, hash, base, base_hash, base_tables, since, change, tables, changed_by)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`;

/**
 * Writes a version. The caller holds the lock of all who change the dictionary (`lockDictionary`), and makes its tables
 * in the same transaction.
 */
export async function writeVersion(tx: Sql, made: NewVersion): Promise<LedgerDictionary> {
  const { descriptor, before, change, changedBy } = made;
  const { base, baseHash, baseTables } = made.base;
  const no = (before?.no ?? 0) + 1;
  const parsed = parseDictionary(descriptor, { mayBeEmpty: true });
  const hash = hashOfJson(descriptor);
  const version = labelOf(parsed, { hash, no, baseHash, descriptor });
  const names = descriptor.resources.map((resource) => resource.name);
  const was = before?.descriptor.resources.map((resource) => resource.name) ?? [];
  const moved = [
    ...names.filter((name) => !was.includes(name)),
    ...was.filter((name) => !names.includes(name)),
  ];
  const sinceOf = (name: string) => (was.includes(name) ? before?.since[name] : made.since?.[name]) ?? no;
  const since = Object.fromEntries(names.map((name) => [name, sinceOf(name)]));
  await tx.query(INSERT, [
    no,
    parsed.name,
    version,
    JSON.stringify(descriptor),
    hash,
    base,
    baseHash,
    JSON.stringify(baseTables),
    JSON.stringify(since),
    change,
    moved,
    changedBy,
  ]);
  const tables = parsed.tables.map((table) => sameOf(before, table));
  return { name: parsed.name, version, tables, no, descriptor, base, baseHash, baseTables, since };
}

/**
 * The version that the API shows: that of the descriptor, or a hash of its content when it has none. Where tables were
 * added or removed since the file said its version, the number in the ledger is behind it, as build metadata (Semantic
 * Versioning, 10), so that no two dictionaries have one version.
 */
function labelOf(
  parsed: Dictionary,
  { hash, no, baseHash, descriptor }: { hash: string; no: number; baseHash: string; descriptor: Descriptor },
): string {
  if (descriptor.version === undefined || hash === baseHash) return parsed.version;
  return `${parsed.version}${parsed.version.includes('+') ? '.' : '+'}${no}`;
}

/** The base that a descriptor is. */
export function baseOf(
  base: DictionaryBase,
  descriptor: Descriptor,
): Pick<LedgerDictionary, 'base' | 'baseHash' | 'baseTables'> {
  const baseTables = Object.fromEntries(descriptor.resources.map((one) => [one.name, hashOfJson(one)]));
  return { base, baseHash: hashOfJson(descriptor), baseTables };
}

/** Any number; whoever changes definitions of data tables holds it too (`src/tables/ensure-tables.ts`). */
const DICTIONARY_LOCK = 7_463_002;

/** Lets one transaction at a time change the dictionary and its tables. */
export async function lockDictionary(tx: Sql): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1)', [DICTIONARY_LOCK]);
}

const SINCE = statement<{ since: number | null }>`
  select (since ->> $1)::int as since from longshore.dictionary order by no desc limit 1`;

/** Lock of a table's place in the dictionary, by its name. */
const PLACE_LOCK = `hashtextextended('longshore place of ' || $1, 0)`;

/**
 * Keeps a table in the dictionary until the transaction ends, for work that is written down in it: who removes the table
 * waits, and then finds that work.
 *
 * @returns the version in which the table came; null: the dictionary is not the ledger's
 * @throws LongshoreError `unknown-table` when the table was removed, or made anew, since `dictionary` was read
 */
export async function holdTable(
  tx: Pick<Sql, 'query'>,
  dictionary: Pick<Partial<LedgerDictionary>, 'since'>,
  name: string,
): Promise<number | null> {
  await tx.query(`select pg_advisory_xact_lock_shared(${PLACE_LOCK})`, [name]);
  if (dictionary.since === undefined) return null;
  const [row] = await tx.query(SINCE, [name]);
  if (row?.since && row.since === dictionary.since[name]) return row.since;
  const what = Object.hasOwn(dictionary.since, name)
    ? `the table ${quoted(name)} was removed a moment ago`
    : `the dictionary has no table ${quoted(name)}`;
  throw new LongshoreError('unknown-table', what);
}

/** The same for several tables, by their names. */
export async function holdTables(
  tx: Pick<Sql, 'query'>,
  dictionary: Pick<Partial<LedgerDictionary>, 'since'>,
  names: readonly string[],
): Promise<void> {
  for (const name of [...names].sort()) await holdTable(tx, dictionary, name);
}

/** Waits for all that `holdTable` keeps, before a table leaves the dictionary. */
export async function releaseTable(tx: Sql, name: string): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(${PLACE_LOCK})`, [name]);
}
