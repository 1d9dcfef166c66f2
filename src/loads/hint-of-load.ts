import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { inSlices } from '../in-slices.ts';
import { BEGINNING_BYTES, findReading } from '../infer/find-reading.ts';
import { hintFor } from '../reading-words.ts';
import type { Storage } from '../storage/storage.ts';
import { within } from '../within.ts';
import type { LoadPlan } from './loads.ts';

/** It is a courtesy: a load neither fails nor waits for it. */
const LIMIT_MS = 5_000;
/** From so large a share of rejects on, most often the whole file is not as its table says. */
const MANY = 0.1;
/** How far into a file blank lines and the like may push its first row. */
const FIRST_LINES = 10;

export type FileOfLoad = Pick<LoadPlan, 'table' | 'readAs' | 'mode' | 'sourceKey'> &
  Partial<Pick<LoadPlan, 'plainKey'>>;

/**
 * How a load's file seems to be written, and what reads it so, where the load refused its header or many of its rows.
 * @returns null: nothing is clear, or the file can not be read now
 */
function hintOfFile(storage: Pick<Storage, 'read'>, file: FileOfLoad): Promise<string | null> {
  return orNone(find(storage, file, []));
}

/** The same of a load that has rejects, in which bytes of another encoding may be, too. */
export function hintOfLoad(
  db: Sql,
  storage: Pick<Storage, 'read'>,
  plan: FileOfLoad & Pick<LoadPlan, 'id'>,
): Promise<string | null> {
  return orNone(brokenRecords(db, plan.id).then((broken) => find(storage, plan, broken)));
}

/** An error about a load's header, with how its file seems to be written. */
export async function withHint(
  error: unknown,
  storage: Pick<Storage, 'read'>,
  file: FileOfLoad,
): Promise<unknown> {
  if (!(error instanceof LongshoreError) || error.code !== 'header-mismatch') return error;
  const hint = await hintOfFile(storage, file);
  return hint === null
    ? error
    : new LongshoreError(error.code, `${error.message}; ${hint}`, {
        places: error.places,
        cause: error,
      });
}

const FIRST_REJECTS = statement<{ line: number | null; broken: boolean }>`
  select min(line)::float8 as line,
         exists (select from longshore.reject where load_id = $1 and errors @> '[{"code": "encoding-error"}]') as broken
    from longshore.reject where load_id = $1`;

/** Whether the rejects of a load that goes on look as if its file was not read as it is written. */
export async function isSuspicious(
  db: Sql,
  { id, chunks }: Pick<LoadPlan, 'id' | 'chunks'>,
  { read, rejected }: { readonly read: number; readonly rejected: number },
): Promise<boolean> {
  if (rejected === 0) return false;
  if (rejected >= MANY * read) return true;
  const [first] = await db.query(FIRST_REJECTS, [id]);
  const from = chunks?.[0]?.firstLine ?? 1;
  return first!.broken || (first!.line ?? Number.POSITIVE_INFINITY) < from + FIRST_LINES;
}

async function find(
  storage: Pick<Storage, 'read'>,
  { table, readAs, mode, sourceKey, plainKey }: FileOfLoad,
  broken: readonly Buffer[],
): Promise<string | null> {
  const beginning = await storage.read(plainKey ?? sourceKey, 0, BEGINNING_BYTES);
  const whole = beginning.length < BEGINNING_BYTES;
  const seems = await inSlices(findReading({ beginning, whole, table, mode, broken }));
  return seems && hintFor(seems, table, readAs);
}

const BROKEN_RECORDS = statement<{ record: Buffer }>`
  select substring(record from 1 for 4096) as record from longshore.reject
   where load_id = $1 and record is not null and errors @> '[{"code": "encoding-error"}]' order by line limit 50`;

async function brokenRecords(db: Sql, loadId: number): Promise<Buffer[]> {
  return (await db.query(BROKEN_RECORDS, [loadId])).map(({ record }) => record);
}

function orNone(hint: Promise<string | null>): Promise<string | null> {
  return within(
    LIMIT_MS,
    hint.catch(() => null),
    () => null,
  );
}
