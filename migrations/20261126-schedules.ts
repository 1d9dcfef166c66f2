import { Migration } from '@mikro-orm/migrations';

/** The schedules, so that they can be made again when Temporal has lost them. */
export class Schedules20261126 extends Migration {
  override up(): void {
    // `runs`: of backups and drills; `report`: of refreshes. What was deleted keeps its row, without which Temporal's
    // copy of it, brought back, would be taken for one that the ledger has lost.
    this.addSql(`
      create table longshore.schedule (
        kind text not null check (kind in ('runs', 'report')),
        id text not null,
        definition jsonb not null,
        pending boolean not null,
        seen jsonb,
        changed_at timestamptz not null default clock_timestamp(),
        deleted_at timestamptz,
        primary key (kind, id)
      )`);
  }
}
