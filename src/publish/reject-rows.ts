import type { Sql } from '../db/sql.ts';
import { quoteName, quoteText } from '../db/sql-names.ts';
import { type Part, type Statement, statementFor } from '../db/statement.ts';
import type { RejectCode } from '../types.ts';

/** Rows of a load or of a batch to be checked: a table with the fields' columns and `_line`, which is unique. */
export interface RowsToCheck {
  /** Quoted. */
  readonly table: string;
  /**
   * SQL that keeps the rejects, read from `faulty (line, errors)`: the body of a common table expression, after which
   * others may follow.
   */
  readonly keep: string | Part;
  /** Parameters of `keep`. */
  readonly values: readonly unknown[];
  /** Fields that some rows of a merge lack. */
  readonly absent: readonly AbsentField[];
  /** Words of the message before the line of the row that has the same key. */
  readonly sameAs: string;
}

/** One rule that rows broke. */
export interface SetFault {
  /** Fields of the rule; a single one becomes the reject's field. */
  readonly fields: readonly string[];
  readonly code: RejectCode;
  /** A query that gives `at` (ctid), `line` and `message` of the rows at fault. */
  readonly faulty: string;
}

/**
 * Moves the rows at fault from their table to the rejects, each with all of its faults; their cells are added later.
 * @returns the number of rows moved
 */
export async function rejectRows(tx: Sql, rows: RowsToCheck, faults: readonly SetFault[]): Promise<number> {
  if (faults.length === 0) return 0;
  const [row] = await tx.query(rejectRowsSql(rows, faults), rows.values);
  return row?.n ?? 0;
}

export function rejectRowsSql(
  { table, keep }: Pick<RowsToCheck, 'table' | 'keep'>,
  faults: readonly SetFault[],
): Statement<{ n: number }> {
  const queries = faults.map(({ fields, code, faulty }, nth) => {
    const field = fields.length === 1 ? quoteText(fields[0] ?? '') : 'null';
    return `select ${nth} as nth, ${quoteText(code)} as code, ${field} as field, f.* from (${faulty}) f`;
  });
  return statementFor`
    with faulty as materialized (
           select at, line, jsonb_agg(jsonb_build_object('code', code, 'field', field, 'message', message)
                                      order by nth) as errors
             from (${queries.join(' union all ')}) f group by at, line),
         gone as (delete from ${table} s using faulty where s.ctid = faulty.at),
         kept as (${keep})
    select count(*)::float8 as n from faulty`;
}

/** SQL of the text `name value, name value` by which a message shows a key. */
export function shownKey(alias: string, fields: readonly string[], names: readonly string[]): string {
  return fields
    .map((field, i) => `${quoteText(`${names[i]} `)} || left(${alias}.${quoteName(field)}::text, 60)`)
    .join(` || ', ' || `);
}

/** Condition that a row has a value in each of these columns. */
export function present(alias: string, fields: readonly string[]): string {
  return fields.map((field) => `${alias}.${quoteName(field)} is not null`).join(' and ');
}

/** A field that some rows of a merge lack: the table keeps its value. */
export interface AbsentField {
  readonly name: string;
  /** Condition on such a row `s`. */
  readonly where: string;
}
