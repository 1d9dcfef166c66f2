import type { Sql } from '../src/db/sql.ts';
import { LongshoreError } from '../src/errors.ts';
import type { RestorePlan } from '../src/restores/restores.ts';

/** A stage with a part missing must never become a table. @throws LongshoreError `internal` */
export async function refuseMissing(db: Sql, { id, tables }: RestorePlan): Promise<void> {
  const parts = tables.reduce((sum, { saved }) => sum + saved.parts.length, 0);
  const staged = await db.ledger
    .selectFrom('restore_part')
    .select('part_no')
    .where('restore_id', '=', id)
    .execute();
  if (staged.length !== parts) {
    throw new LongshoreError('internal', `restore ${id}: ${staged.length} of ${parts} parts are staged`);
  }
}
