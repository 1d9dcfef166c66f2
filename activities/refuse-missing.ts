import type { Sql } from '../src/db/sql.ts';
import { statement } from '../src/db/statement.ts';
import { LongshoreError } from '../src/errors.ts';
import type { RestorePlan } from '../src/restores/restores.ts';

const STAGED_PARTS = statement<{
  n: number;
}>`select count(*)::int as n from longshore.restore_part where restore_id = $1`;

/** A stage with a part missing must never become a table. @throws LongshoreError `internal` */
export async function refuseMissing(db: Sql, { id, tables }: RestorePlan): Promise<void> {
  const parts = tables.reduce((sum, { saved }) => sum + saved.parts.length, 0);
  const [row] = await db.query(STAGED_PARTS, [id]);
  if (row?.n !== parts)
    throw new LongshoreError('internal', `restore ${id}: ${row?.n} of ${parts} parts are staged`);
}
