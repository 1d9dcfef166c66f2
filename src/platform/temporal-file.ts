import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * The database file of the embedded Temporal server, which only grows by itself: SQLite gives pages that became free to
 * later rows, and none back to the disk.
 */

/**
 * Indexes of its list of workflows that stay: for the list itself, for lists by status, ID and type, and for schedules.
 * The server makes one for each attribute that there might be, 58 in all, which are two thirds of all that a workflow
 * takes in the file, and a quarter of the server's time. Lists by what has none read the list from its beginning: some
 * ten thousand workflows in a tenth of a second.
 */
const KEPT_INDEXES: ReadonlySet<string> = new Set([
  'default_idx',
  'by_status',
  'by_workflow_id',
  'by_workflow_type',
  'by_temporal_namespace_division',
  'by_temporal_scheduled_by_id',
]);

/** Less is not worth a start's time. */
const WORTH_BYTES = 32 * 1024 * 1024;
/** What a compaction leaves of the disk to others. */
const SPARED_BYTES = 256 * 1024 * 1024;

/** How long a statement waits while the server writes; its writes take milliseconds. */
const BUSY_MS = 5_000;

const INDEXES = `
  select name from sqlite_schema
   where type = 'index' and tbl_name = 'executions_visibility' and sql is not null`;

/** Drops the indexes that nobody asks for. A server that runs goes on without them. */
export function dropUnusedIndexes(path: string): void {
  const db = open(path);
  try {
    dropIndexes(db, unusedIndexes(db));
  } finally {
    db.close();
  }
}

/** Whether `compactTemporalFile` would have something to do, as far as one can see at a glance. */
export function isWorthCompacting(path: string, worthBytes = WORTH_BYTES): boolean {
  if (!existsSync(path)) return false;
  const db = open(path);
  try {
    return unusedIndexes(db).length > 0 || mostlyFree(sizeOf(db), worthBytes);
  } finally {
    db.close();
  }
}

export interface Compacted {
  readonly fromBytes: number;
  readonly toBytes: number;
}

/**
 * Writes the file anew where half of it or more is free, and there is room for that. Only while no server runs. The copy
 * takes the file's place once it is complete and on the disk, so an interruption leaves the one or the other.
 *
 * @returns null when nothing was worth it
 */
export function compactTemporalFile(path: string, worthBytes = WORTH_BYTES): Compacted | null {
  const copy = copyOf(path);
  rmSync(copy, { force: true });
  const fromBytes = copyCompacted(path, copy, worthBytes);
  // The log of the one file must not be taken for the other's.
  if (fromBytes === null || existsSync(`${path}-wal`)) {
    rmSync(copy, { force: true });
    return null;
  }
  sync(copy);
  renameSync(copy, path);
  sync(dirname(path));
  return { fromBytes, toBytes: statSync(path).size };
}

/** @returns the size before; null: there is no copy, as it would not be worth it, or there is no room for one */
function copyCompacted(path: string, copy: string, worthBytes: number): number | null {
  const db = open(path);
  try {
    dropIndexes(db, unusedIndexes(db));
    const size = sizeOf(db);
    const { bavail, bsize } = statfsSync(dirname(path));
    const hasRoom = bavail * bsize >= size.bytes - size.freeBytes + SPARED_BYTES;
    if (!hasRoom || !mostlyFree(size, worthBytes)) return null;
    db.prepare('vacuum into ?').run(copy);
    db.exec('pragma wal_checkpoint(truncate)');
    return size.bytes;
  } catch (error) {
    rmSync(copy, { force: true });
    throw error;
  } finally {
    db.close();
  }
}

/** Where the copy is until it takes the file's place. */
export function copyOf(path: string): string {
  return `${path}.compact`;
}

function unusedIndexes(db: DatabaseSync): readonly string[] {
  const found = db.prepare(INDEXES).all() as { name: string }[];
  return found.map(({ name }) => name).filter((name) => !KEPT_INDEXES.has(name));
}

function dropIndexes(db: DatabaseSync, names: readonly string[]): void {
  if (names.length === 0) return;
  db.exec('begin immediate');
  for (const name of names) db.exec(`drop index "${name.replaceAll('"', '""')}"`);
  db.exec('commit');
}

interface Size {
  readonly bytes: number;
  readonly freeBytes: number;
}

function sizeOf(db: DatabaseSync): Size {
  const pageBytes = pragma(db, 'page_size');
  return { bytes: pragma(db, 'page_count') * pageBytes, freeBytes: pragma(db, 'freelist_count') * pageBytes };
}

function mostlyFree({ bytes, freeBytes }: Size, worthBytes: number): boolean {
  return freeBytes >= worthBytes && freeBytes * 2 >= bytes;
}

/** The server's schema writes texts in double quotes, which SQLite takes only when told so. */
function open(path: string): DatabaseSync {
  return new DatabaseSync(path, { timeout: BUSY_MS, enableDoubleQuotedStringLiterals: true });
}

function pragma(db: DatabaseSync, name: string): number {
  const [value] = Object.values(db.prepare(`pragma ${name}`).get() ?? {});
  return Number(value);
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
