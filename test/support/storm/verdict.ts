import assert from 'node:assert/strict';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { sfc32 } from '../../../src/sample/random.ts';
import { eventually } from '../eventually.ts';
import type { Cells, StormBatch } from './batches.ts';
import { accepted, insist, type StormLog, type Target } from './client.ts';

/** A row as a table holds it, with its lineage. */
interface Stored extends Cells {
  readonly load: string;
  readonly line: string;
}

const HIRES = `select id::text, name, to_char("datetime" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as datetime,
    department_id::text, job_id::text, _load_id::text as load, _line::text as line
  from hired_employees order by hired_employees.id`;
const MERGED = `select id::text, job, _load_id::text as load, _line::text as line
  from jobs where id > 1000 order by jobs.id`;

/** Tables and ledger hold exactly what was acknowledged. Returns the number of rows that were looked at. */
export async function assertExactly(databaseUrl: string, log: StormLog): Promise<number> {
  const db = new pg.Client({ connectionString: databaseUrl });
  await db.connect();
  try {
    const { rows: hires } = await db.query<Stored>(HIRES);
    const { rows: merged } = await db.query<Stored>(MERGED);
    assertUnanswered(hires, log);
    const loose = idsOf(log.unanswered);
    assertSame(
      hires.filter(({ id }) => !loose.has(id!)),
      appended(log),
    );
    assertSame(merged, lastMerged(log));
    await assertLedger(db, log, hires.length);
    return hires.length + merged.length;
  } finally {
    await db.end();
  }
}

/** What has to be in the table of hires, by the batches that were answered. */
function appended(log: StormLog): Map<string, Stored> {
  const expected = new Map<string, Stored>();
  for (const { batch, outcome } of log.answered) {
    if (batch.mode !== 'append') continue;
    for (const row of acceptedRows(batch, outcome)) expected.set(row.id!, row);
  }
  return expected;
}

/** The last acknowledged value of each key: no two clients write the same one. */
function lastMerged(log: StormLog): Map<string, Stored> {
  const expected = new Map<string, Stored>();
  for (const { batch, outcome } of log.answered) {
    if (batch.mode !== 'merge') continue;
    for (const row of acceptedRows(batch, outcome)) expected.set(row.id!, row);
  }
  return expected;
}

function acceptedRows(batch: StormBatch, outcome: StormLog['answered'][number]['outcome']): Stored[] {
  return accepted(batch).map((row) => ({
    ...row.cells,
    load: String(outcome.loadId),
    line: String(outcome.firstLine! + batch.rows.indexOf(row)),
  }));
}

function assertSame(found: readonly Stored[], expected: ReadonlyMap<string, Stored>): void {
  const missing = new Map(expected);
  for (const row of found) {
    // Objects of pg have their columns in another order than the cells.
    assert.deepEqual({ ...row }, expected.get(row.id!), `row ${row.id}`);
    assert.ok(missing.delete(row.id!), `row ${row.id} is there twice`);
  }
  assert.deepEqual([...missing.keys()].slice(0, 10), [], `${missing.size} acknowledged rows are missing`);
}

function assertUnanswered(hires: readonly Stored[], log: StormLog): void {
  const there = new Map(hires.map((row) => [row.id!, row]));
  for (const batch of log.refused) {
    assert.ok(
      newRows(batch).every((id) => !there.has(id)),
      'a refused batch was written',
    );
  }
  for (const batch of log.unanswered) {
    const ids = newRows(batch);
    const found = ids.filter((id) => there.has(id));
    assert.ok(found.length === 0 || found.length === ids.length, `${found.length} of ${ids.length} rows`);
    for (const { cells } of accepted(batch)) {
      const row = there.get(cells.id!);
      if (row === undefined) continue;
      const { load: _load, line: _line, ...values } = row;
      assert.deepEqual(values, cells);
    }
  }
}

function newRows(batch: StormBatch): string[] {
  return accepted(batch).map(({ cells }) => cells.id!);
}

function idsOf(batches: readonly StormBatch[]): ReadonlySet<string> {
  return new Set(batches.flatMap(newRows));
}

async function assertLedger(db: pg.Client, log: StormLog, hires: number): Promise<void> {
  const { rows: claims } = await db.query<{ id: string; accepted: number; rejects: number }>(
    `select b.id, b.rows_accepted as accepted,
            (select count(*)::int from longshore.batch_reject r where r.batch_id = b.id) as rejects
       from longshore.batch b where status = 'done'`,
  );
  const inLedger = new Map(claims.map((claim) => [claim.id, claim]));
  for (const { batch, outcome } of log.answered) {
    const claim = inLedger.get(outcome.id);
    assert.deepEqual(
      [claim?.accepted, claim?.rejects],
      [outcome.rows.accepted, outcome.rows.rejected],
      batch.key ?? '',
    );
  }
  const ids = log.answered.map(({ outcome }) => outcome.id);
  assert.equal(new Set(ids).size, ids.length, 'two batches have one outcome');
  const keyed = log.answered.filter(({ batch }) => batch.key !== null).length;
  const {
    rows: [sums],
  } = await db.query<Record<string, number>>(
    `select (select sum(rows_accepted)::int from longshore.batch where table_name = 'hired_employees') as accepted,
            (select count(*)::int from longshore.idempotency_key) as keys,
            (select count(distinct batch_id)::int from longshore.idempotency_key) as "keyedBatches",
            (select count(*)::int from longshore.batch where status = 'done') as batches,
            (select count(*)::int from longshore.batch where status = 'failed' and rows_accepted > 0) as "halfFailed",
            (select count(*)::int from hired_employees h where not exists (
               select from longshore.batch b where b.group_id = h._load_id and b.table_name = 'hired_employees'
                  and h._line >= b.first_line and h._line < b.first_line + b.rows_sent)) as unclaimed`,
  );
  const { batches, ...exact } = sums!;
  assert.deepEqual(exact, {
    accepted: hires,
    keys: keyed,
    keyedBatches: keyed,
    halfFailed: 0,
    unclaimed: 0,
  });
  // One that failed, as where Temporal did not answer, wrote nothing; asked for again it is another.
  const most = log.answered.length + log.unanswered.length;
  assert.ok(batches! >= log.answered.length && batches! <= most, `${batches} batches, at most ${most}`);
}

/** Batches that were answered give the first answer word for word. Returns how many were asked. */
export async function assertReplays(target: Target, log: StormLog, limit: number): Promise<number> {
  const random = sfc32(7);
  const keyed = log.answered.filter(({ batch }) => batch.key !== null);
  const asked = keyed.filter(() => random.chance(limit / keyed.length));
  const tries = { retries: new Map<string, number>() };
  for (let at = 0; at < asked.length; at += 16) {
    await Promise.all(
      asked.slice(at, at + 16).map(async ({ batch, answer }) => {
        assert.deepEqual(await insist(target, batch, random, tries), answer, `replay of ${batch.key}`);
      }),
    );
  }
  assert.deepEqual([...tries.retries], [], 'answered batches had to be asked for again');
  return asked.length;
}

/** No workflow of a batch runs on. */
export async function assertNothingRuns(address: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    const running = async () => {
      const { count } = await connection.workflowService.countWorkflowExecutions({
        namespace: 'default',
        query: "ExecutionStatus = 'Running' and WorkflowType = 'commitBatches'",
      });
      return Number(count);
    };
    await eventually(running, 0);
  } finally {
    await connection.close();
  }
}
