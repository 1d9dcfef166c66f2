import { readFileSync } from 'node:fs';
import { POSTGRES_DATABASE } from '../../src/platform/postgres-cluster.ts';
import { POSTGRES_APP_ROLE } from '../../src/platform/postgres-roles.ts';
import { postgresAppPasswordPath, readState } from '../../src/runtime/home.ts';

/** Where the embedded PostgreSQL of a home is. */
export function databaseUrl(home: string): string {
  const password = readFileSync(postgresAppPasswordPath(home), 'utf8').trim();
  return `postgres://${POSTGRES_APP_ROLE}:${password}@127.0.0.1:${readState(home).postgresPort}/${POSTGRES_DATABASE}`;
}
