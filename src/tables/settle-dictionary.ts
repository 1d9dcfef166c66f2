import { hostname } from 'node:os';
import { hashOfJson } from '../canonical-json.ts';
import type { Tx } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { statement } from '../db/statement.ts';
import {
  baseOf,
  type Descriptor,
  type LedgerDictionary,
  lockDictionary,
  type Resource,
  readNewest,
  releaseTable,
  writeVersion,
} from '../dictionary/dictionary-versions.ts';
import { parseDictionary } from '../dictionary/parse-dictionary.ts';
import { LongshoreError } from '../errors.ts';
import { changingTables, ensureIn } from './ensure-tables.ts';
import type { ForeignRule } from './rules-beyond.ts';
import { liveName } from './table-state.ts';

/** What a start brings: the file of `LONGSHORE_DICTIONARY`, where there is one, and the sample for a fresh platform. */
export interface GivenDictionary {
  readonly file: Descriptor | null;
  readonly sample: Descriptor;
}

export interface SettledDictionary {
  readonly dictionary: LedgerDictionary;
  /** Rules of the database that the dictionary does not have. */
  readonly rules: readonly ForeignRule[];
  /** What of the file was not taken, and what it leaves, in sentences for the log. */
  readonly notes: readonly string[];
}

/**
 * Brings the ledger's dictionary and its tables up to date with what a start brings, in one transaction or not at all:
 *
 *   the ledger has none      the file, or the sample: as installations had it that kept none
 *   no file                  the ledger's goes on
 *   the file of last time    the ledger's goes on, with what was added and removed since
 *   another file             merged by table, with the file of last time (the base) between the two:
 *                              it is as in the base      the ledger's goes on, also where it was removed
 *                              it is new, or changed     the file's
 *                              it left the file          it leaves, if it is as in the base and holds no rows
 *                              it was never in a file    it stays
 *
 * Of several API processes with different files the last one that started has brought its own; one that is started again
 * with an earlier file does not bring that back while a process runs with the present one.
 *
 * @throws LongshoreError `dictionary-conflict`, also where a table that holds rows would leave; nothing is changed then
 */
export function settleDictionary(url: string, given: GivenDictionary): Promise<SettledDictionary> {
  return changingTables(url, async (tx) => {
    await lockDictionary(tx);
    const notes: string[] = [];
    const before = await readNewest(tx);
    const dictionary = await settle(tx, before, given, notes);
    return { dictionary, rules: await ensureIn(tx, dictionary), notes };
  });
}

async function settle(
  tx: Tx,
  before: LedgerDictionary | null,
  { file, sample }: GivenDictionary,
  notes: string[],
): Promise<LedgerDictionary> {
  if (before === null) {
    const base = file === null ? baseOf('sample', sample) : baseOf('file', file);
    const descriptor = file ?? sample;
    return writeVersion(tx, { descriptor, base, before, change: 'start', changedBy: 'start' });
  }
  if (file === null || hashOfJson(file) === before.baseHash) return before;
  if (await isSuperseded(tx, hashOfJson(file), before)) {
    notes.push(
      'The file of LONGSHORE_DICTIONARY is an earlier one, and another API process runs with the present one: the ' +
        "ledger's dictionary goes on. To go back to this file, stop those that run with the other one first",
    );
    return before;
  }
  return applyFile(tx, before, file, notes);
}

async function applyFile(
  tx: Tx,
  before: LedgerDictionary,
  file: Descriptor,
  notes: string[],
): Promise<LedgerDictionary> {
  const { resources, leaving, removed } = mergeResources(before, file);
  const holding = await holdingRows(
    tx,
    leaving.map(({ name }) => name),
  );
  if (before.base === 'sample') {
    const stay = leaving.filter(({ name }) => holding.has(name));
    resources.push(...stay);
    for (const { name } of stay) {
      notes.push(
        `${name} of the sample holds rows and stays in the dictionary: longshore table remove ${name} takes it out`,
      );
    }
  } else if (holding.size > 0) throw wouldLeave(holding);
  for (const name of removed) {
    notes.push(`${name} is in the file as before, and was removed since: it stays removed`);
  }
  const left = leaving.filter(({ name }) => !resources.some((one) => one.name === name));
  for (const { name } of left) {
    notes.push(`${name} has left the dictionary: the file does not have it, and it holds no rows`);
  }
  const descriptor = { ...file, resources };
  refuseUnfit(descriptor, file);
  const base = baseOf('file', file);
  return writeVersion(tx, { descriptor, base, before, change: 'start', changedBy: 'start' });
}

interface Merged {
  readonly resources: Resource[];
  /** Tables that the file does not have any more, as in the base. */
  readonly leaving: readonly Resource[];
  /** Tables that the file has as in the base, and that were removed since. */
  readonly removed: readonly string[];
}

/** Pure; see `settleDictionary`. */
function mergeResources(
  before: Pick<LedgerDictionary, 'descriptor' | 'base' | 'baseTables'>,
  file: Descriptor,
): Merged {
  const base = new Map(Object.entries(before.baseTables));
  const present = new Map(before.descriptor.resources.map((one) => [one.name, one]));
  const removed: string[] = [];
  const resources = file.resources.flatMap((theirs): Resource[] => {
    if (base.get(theirs.name) !== hashOfJson(theirs)) return [theirs];
    const ours = present.get(theirs.name);
    if (ours !== undefined || before.base === 'sample') return [ours ?? theirs];
    removed.push(theirs.name);
    return [];
  });
  const named = new Set(file.resources.map(({ name }) => name));
  const others = [...present.values()].filter(({ name }) => !named.has(name));
  const isOfBase = (one: Resource) => base.get(one.name) === hashOfJson(one);
  resources.push(...others.filter((one) => !isOfBase(one)));
  return { resources, leaving: others.filter(isOfBase), removed };
}

/** The file is good by itself, but may not go together with tables that were added since. */
function refuseUnfit(descriptor: Descriptor, file: Descriptor): void {
  try {
    parseDictionary(descriptor, { mayBeEmpty: true });
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    const places = error.places.map(({ pointer = '', detail }) => {
      const name = descriptor.resources[Number(/^#\/resources\/(\d+)/.exec(pointer)?.[1])]?.name;
      const added = file.resources.some((one) => one.name === name) ? '' : ', which is not in the file';
      return { detail: name === undefined ? detail : `${name}${added}: ${detail}` };
    });
    throw conflict(places.map(({ detail }) => detail));
  }
}

function conflict(details: readonly string[]): LongshoreError {
  return new LongshoreError('dictionary-conflict', details.join('; '), {
    places: details.map((detail) => ({ detail })),
  });
}

function wouldLeave(holding: ReadonlyMap<string, string>): LongshoreError {
  return conflict(
    [...holding].map(
      ([name, what]) =>
        `the file of LONGSHORE_DICTIONARY does not have ${name} any more, and ${what}: put it back into the file; or ` +
        `start with the file of before, or without LONGSHORE_DICTIONARY, and take it out: longshore table remove ${name}`,
    ),
  );
}

const LOADING = statement<{ name: string }>`
  select distinct table_name as name from longshore.load where table_name = any ($1) and finished_at is null`;

/** Rows that are counted for a message. */
const COUNTED = 1_000_000;

/**
 * Which of these tables hold rows, or are about to, with what they hold in words. Nobody writes to the others until the
 * transaction ends.
 */
async function holdingRows(tx: Tx, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const holding = new Map<string, string>();
  for (const name of [...names].sort()) {
    await releaseTable(tx, name);
    const what = await rowsOf(tx, name);
    if (what !== null) holding.set(name, what);
  }
  for (const { name } of await tx.query(LOADING, [names])) {
    if (!holding.has(name)) holding.set(name, 'a load of it is under way');
  }
  return holding;
}

async function rowsOf(tx: Tx, name: string): Promise<string | null> {
  const live = liveName({ name });
  const [found] = await tx.query(
    `select from pg_class where oid = to_regclass($1) and relkind in ('r', 'p')`,
    [live],
  );
  if (found === undefined) return null;
  await tx.query('savepoint counting; set local lock_timeout = 1000');
  try {
    await tx.query(`lock table ${live} in share mode`);
    const [row] = await tx.query<{ rows: number }>(
      `select count(*)::float8 as rows from (select from ${live} limit ${COUNTED + 1}) counted`,
    );
    const rows = row?.rows ?? 0;
    if (rows === 0) return null;
    return rows > COUNTED
      ? `it holds more than ${COUNTED} rows`
      : `it holds ${rows} ${rows === 1 ? 'row' : 'rows'}`;
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
    await tx.query('rollback to savepoint counting');
    return 'Longshore may not look whether it holds rows';
  }
}

const WAS_BASE = statement<{ was: boolean }>`
  select exists (select from longshore.dictionary where base = 'file' and base_hash = $1) as was`;

const RUNNING = statement<{ host: string; pid: number }>`
  select host, pid from longshore.process
   where name = 'api' and dictionary_hash = $1 and seen_at > clock_timestamp() - interval '25 seconds'`;

/** Whether the file was there before, and a process runs with the present one. */
async function isSuperseded(tx: Sql, hash: string, before: LedgerDictionary): Promise<boolean> {
  const [row] = await tx.query(WAS_BASE, [hash]);
  if (!row?.was) return false;
  const running = await tx.query(RUNNING, [before.baseHash]);
  return running.some(({ host, pid }) => host !== hostname() || (pid !== process.pid && isAlive(pid)));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
