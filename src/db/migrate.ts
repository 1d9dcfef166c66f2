import { Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import { migrations } from '../../migrations/index.ts';
import { ledgerEntities } from '../ledger/entities.ts';
import { sessionPool } from './session.ts';
import { LEDGER_SCHEMA } from './sql-names.ts';

/** Any number, the same in every process: two starts at once apply the migrations one after the other. */
const MIGRATION_LOCK = 7_463_001;

/** Brings the platform's own tables up to date. Safe to call from several processes at once. */
export async function migrate(url: string): Promise<void> {
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: ledgerEntities,
    extensions: [Migrator],
    pool: { min: 0, max: 4 },
    driverOptions: sessionPool(url),
    migrations: {
      migrationsList: migrations,
      tableName: `${LEDGER_SCHEMA}.schema_migration`,
      snapshot: false,
      silent: true,
    },
  });
  try {
    await orm.em.fork().transactional(async (em) => {
      await em.execute('select pg_advisory_xact_lock(?)', [MIGRATION_LOCK]);
      await orm.migrator.up();
    });
  } finally {
    await orm.close(true);
  }
}
