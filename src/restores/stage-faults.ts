import type { Sql } from '../db/sql.ts';
import { quoteName } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { LongshoreError } from '../errors.ts';
import { lineageOf, SHOWN_ROWS } from './check-backup-rows.ts';
import { keyFieldsOf } from './publish-restore.ts';
import type { RestorePlan } from './restores.ts';

/** Runs the work; where it fails on a unique key of a stage, the error names the duplicate rows. */
export async function namingDuplicates<T>(
  db: Sql,
  { tables }: Pick<RestorePlan, 'tables'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LongshoreError) || sqlstateOf(error.cause) !== SQLSTATE.uniqueViolation)
      throw error;
    for (const { table, stage } of tables) {
      for (const fields of keyFieldsOf(table)) {
        const rows = await duplicates(db, stage, fields);
        if (rows === null) continue;
        const message = `${table.name}: ${fields.join(', ')} is not unique in the backup: ${rows}`;
        throw new LongshoreError(error.code, message, { cause: error });
      }
    }
    throw error;
  }
}

/** Names rows that are duplicates in these fields; null: there are none. */
export async function duplicates(tx: Sql, stage: string, fields: readonly string[]): Promise<string | null> {
  const columns = fields.map((name) => quoteName(name));
  const present = columns.map((column) => `${column} is not null`).join(' and ');
  return firstRows(
    tx,
    `select _load_id, _line from (
       select _load_id, _line, count(*) over (partition by ${columns.join(', ')}) as n
         from ${stage} where ${present}) s where n > 1`,
  );
}

/** Names rows whose reference matches no row of the parent; null: there are none. */
export async function orphans(
  tx: Sql,
  stage: string,
  fields: readonly string[],
  parent: string,
  to: readonly string[],
): Promise<string | null> {
  const present = fields.map((name) => `c.${quoteName(name)} is not null`).join(' and ');
  const same = fields.map((name, i) => `p.${quoteName(to[i]!)} = c.${quoteName(name)}`).join(' and ');
  return firstRows(
    tx,
    `select c._load_id, c._line from ${stage} c
      where ${present} and not exists (select from ${parent} p where ${same})`,
  );
}

async function firstRows(tx: Sql, query: string): Promise<string | null> {
  const rows = await tx.query<{ load: string | null; line: string | null }>(
    `select _load_id::text as load, _line::text as line from (${query}) q
      order by _load_id, _line limit ${SHOWN_ROWS + 1}`,
  );
  if (rows.length === 0) return null;
  const shown = rows.slice(0, SHOWN_ROWS).map(({ load, line }) => lineageOf(load, line));
  return rows.length > SHOWN_ROWS ? `${shown.join(', ')}, …` : shown.join(', ');
}
