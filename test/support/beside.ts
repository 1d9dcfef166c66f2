/**
 * Runs one process of the platform in a debugger, beside those that `npm start` runs: with the PostgreSQL and the
 * Temporal, the keys and the storage of the same home.
 *
 *     node test/support/beside.ts api/main.ts            a second API, at LONGSHORE_PORT (8081)
 *     node test/support/beside.ts activities/main.ts     one more activity worker; it gets its share of the activities
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { POSTGRES_DATABASE } from '../../src/platform/postgres-cluster.ts';
import { POSTGRES_APP_ROLE } from '../../src/platform/postgres-roles.ts';
import { readRun } from '../../src/platform/run-file.ts';
import { postgresAppPasswordPath, readState } from '../../src/runtime/home.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PORT = '8081';

const script = process.argv[2];
if (script === undefined) throw new Error('usage: beside.ts api/main.ts | activities/main.ts');

const { env } = process;
const home = resolve(env.LONGSHORE_HOME || `${ROOT}.longshore`);
if (readRun(home) === null) throw new Error(`no platform runs in ${home}: npm start starts one`);
const { postgresPort, temporalPort, temporalUiPort } = readState(home);

env.LONGSHORE_HOME = home;
env.LONGSHORE_PORT ||= PORT;
// A platform with servers of its own is given their addresses, and so is this process.
if (!env.DATABASE_URL) {
  const password = readFileSync(postgresAppPasswordPath(home), 'utf8').trim();
  env.DATABASE_URL = `postgres://${POSTGRES_APP_ROLE}:${password}@127.0.0.1:${postgresPort}/${POSTGRES_DATABASE}`;
}
if (!env.TEMPORAL_ADDRESS) {
  env.TEMPORAL_ADDRESS = `127.0.0.1:${temporalPort}`;
  env.TEMPORAL_UI_URL ||= `http://127.0.0.1:${temporalUiPort}`;
}
await import(pathToFileURL(resolve(ROOT, script)).href);
