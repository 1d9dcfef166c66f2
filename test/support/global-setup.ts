import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { type RunningPostgres, startPostgres } from '../../src/platform/postgres.ts';
import { type RunningTemporal, startTemporal } from '../../src/platform/temporal.ts';
import { removeAbandonedHomes, removeHome, testHome } from './home.ts';

/**
 * One PostgreSQL and one Temporal server for the whole run (`node --test --test-global-setup`). Test processes find
 * them by the environment, through `database.ts` and `temporal.ts`.
 */
const TEMPLATE = 'longshore_template';

let home: string | undefined;
let postgres: RunningPostgres | undefined;
let temporal: RunningTemporal | undefined;

export async function globalSetup(): Promise<void> {
  const log = {
    info: (message: string) => console.error(message),
    warn: (message: string) => console.error(message),
  };
  await removeAbandonedHomes();
  home = await testHome();
  [postgres, temporal] = await Promise.all([
    // What a power cut would lose is of no interest here.
    startPostgres({ home, log, settings: { fsync: 'off' } }),
    startTemporal({ home, log }),
  ]);
  await makeTemplate(postgres.adminUrl);
  // The tests make databases and roles.
  process.env.TEST_DATABASE_URL = postgres.adminUrl;
  process.env.TEST_DATABASE_TEMPLATE = TEMPLATE;
  process.env.TEST_TEMPORAL_ADDRESS = temporal.address;
}

export async function globalTeardown(): Promise<void> {
  await Promise.all([temporal?.stop(), postgres?.stop()]);
  if (home !== undefined) await removeHome(home);
}

/** Migrated once; each test database is a copy of it. */
async function makeTemplate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${TEMPLATE}`);
  } finally {
    await client.end();
  }
  const template = new URL(url);
  template.pathname = `/${TEMPLATE}`;
  await migrate(template.href);
}
