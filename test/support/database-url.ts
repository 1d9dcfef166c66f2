import { readFileSync } from 'node:fs';
import { postgresPasswordPath, readState } from '../../src/runtime/home.ts';
import { POSTGRES_DATABASE, POSTGRES_ROLE } from '../../src/runtime/postgres-cluster.ts';

/** Where the embedded PostgreSQL of a home is. */
export function databaseUrl(home: string): string {
  const password = readFileSync(postgresPasswordPath(home), 'utf8').trim();
  return `postgres://${POSTGRES_ROLE}:${password}@127.0.0.1:${readState(home).postgresPort}/${POSTGRES_DATABASE}`;
}
