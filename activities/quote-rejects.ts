import { readRecords } from '../src/csv/read-records.ts';
import { statement } from '../src/db/statement.ts';
import { type LoadPlan, textKeyOf } from '../src/loads/loads.ts';
import type { Chunk } from '../src/types.ts';
import type { ActivityDeps } from './deps.ts';
import { readChunk } from './read-chunk.ts';

const ROWS_A_STATEMENT = 5_000;

const UNQUOTED = statement<{ no: number }>`
  select distinct width_bucket(line, $2::bigint[]) - 1 as no from longshore.reject
   where load_id = $1 and record is null order by 1`;

/** Adds the original records from the file to rejects that were found in the stage, which has only values. */
export async function quoteRejects(deps: ActivityDeps, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const chunks = plan.chunks ?? [];
  const wanted = await deps.db.query(UNQUOTED, [plan.id, chunks.map((chunk) => chunk.firstLine)]);
  for (const { no } of wanted) {
    signal.throwIfAborted();
    const chunk = chunks[no];
    if (chunk) await quoteChunk(deps, plan, chunk, chunks[no + 1]?.firstLine ?? Number.MAX_SAFE_INTEGER);
  }
}

const UNQUOTED_OF_CHUNK = statement<{ line: number }>`
  select line::float8 as line from longshore.reject
   where load_id = $1 and record is null and line >= $2 and line < $3`;

const KEEP_RECORDS = statement`
  update longshore.reject r set record = q.record
    from unnest($2::bigint[], $3::bytea[]) q(line, record) where r.load_id = $1 and r.line = q.line`;

async function quoteChunk(
  { db, storage }: ActivityDeps,
  plan: LoadPlan,
  chunk: Chunk,
  endLine: number,
): Promise<void> {
  const rows = await db.query(UNQUOTED_OF_CHUNK, [plan.id, chunk.firstLine, endLine]);
  const lines = new Set(rows.map((row) => row.line));
  const bytes = await readChunk(storage, textKeyOf(plan), chunk);
  let found: { line: number; record: Buffer }[] = [];
  const keep = async () => {
    await db.query(KEEP_RECORDS, [plan.id, found.map((f) => f.line), found.map((f) => f.record)]);
    found = [];
  };
  for (const record of readRecords(bytes, chunk, plan.table.dialect, plan.table.encoding)) {
    if (!lines.has(record.line)) continue;
    found.push({ line: record.line, record: bytes.subarray(record.start, record.end) });
    if (found.length >= ROWS_A_STATEMENT) await keep();
  }
  await keep();
}
