import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BackupView } from '../../src/backups/backup.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { type BenchPlatform, benchPlatform, request } from './bench-platform.ts';
import type { Timed } from './peers.ts';
import { copyTable, dumpServer } from './pg-dump.ts';

const ROWS = 2_000_000;
const ROUNDS = 3;
const LINEAGE = '_load_id bigint, _line bigint';
const TABLES = {
  departments: `id bigint, department text, ${LINEAGE}`,
  jobs: `id bigint, job text, ${LINEAGE}`,
  hired_employees: `id bigint, name text, datetime timestamptz, department_id bigint, job_id bigint, ${LINEAGE}`,
};
const KEYS = `
  alter table departments add primary key (id);
  alter table jobs add primary key (id);
  alter table hired_employees add primary key (id), alter name set not null, alter datetime set not null,
    alter department_id set not null, alter job_id set not null,
    add foreign key (department_id) references departments, add foreign key (job_id) references jobs;`;

/**
 * `npm run bench -- restore [rounds] [rows]`: restores of all tables over what is there, against `pg_restore --clean` of
 * the same tables with the same keys, with one job and with two.
 */
export async function benchRestore([rounds = ROUNDS, rows = ROWS]: readonly (
  | string
  | number
)[]): Promise<void> {
  await using bench = await benchPlatform();
  const hires = await bench.writeHires('hires.csv', { seed: 1, hires: Number(rows), badShare: 0 });
  await bench.load(hires, {});
  const backup = await request<BackupView>(bench, '/v1/backups', {}, ({ status }) => status !== 'running');
  await using peer = await dumpServer();
  const dump = join(bench.platform.home, 'bench', 'out.dump');
  if ('url' in peer) {
    for (const [name, columns] of Object.entries(TABLES))
      copyTable(bench.databaseUrl, peer.url, name, columns);
    execFileSync('psql', ['-X', '-q', '-c', KEYS, peer.url]);
    execFileSync('pg_dump', ['-Fc', '-Z1', '-f', dump, peer.url]);
  } else console.log(`pg_restore: skipped, ${peer.missing}`);

  const results = new Map<string, number[]>();
  const keep = (name: string, timed: Timed) => {
    if ('missing' in timed) return console.log(`  ${name}: skipped, ${timed.missing}`);
    results.set(name, [...(results.get(name) ?? []), timed.ms]);
    console.log(`  ${name}: ${(timed.ms / 1000).toFixed(2)} s`);
  };
  for (let round = 1; round <= Number(rounds); round++) {
    console.log(`round ${round}`);
    if ('url' in peer) {
      for (const jobs of [1, 2]) keep(`pg_restore -j${jobs}`, await pgRestore(peer.url, dump, jobs));
    }
    keep('restore', await restore(bench, backup.id, { safety: false }));
    keep('restore with its safety backup', await restore(bench, backup.id, {}));
    keep('dry run', await restore(bench, backup.id, { dryRun: true }));
    keep('drill', await restore(bench, backup.id, {}, 'verify'));
  }
  report(results);
}

async function restore(
  bench: BenchPlatform,
  backupId: string,
  body: object,
  verb: 'restore' | 'verify' = 'restore',
): Promise<Timed> {
  const startedAt = performance.now();
  const view = await request<RestoreView>(
    bench,
    `/v1/backups/${backupId}/${verb}`,
    body,
    ({ finishedAt }) => finishedAt !== null,
  );
  if (view.status !== 'done') throw new Error(`it did not end well: ${JSON.stringify(view)}`);
  return { ms: performance.now() - startedAt };
}

/** Not the synchronous way: the API ends connections that are idle meanwhile, and this process has to hear of it. */
async function pgRestore(url: string, dump: string, jobs: number): Promise<Timed> {
  const startedAt = performance.now();
  const args = ['--clean', '--if-exists', '--exit-on-error', '-j', String(jobs), '-d', url, dump];
  try {
    await promisify(execFile)('pg_restore', args);
  } catch (error) {
    return { missing: `pg_restore failed: ${String((error as { stderr?: string }).stderr).slice(-300)}` };
  }
  return { ms: performance.now() - startedAt };
}

function report(results: ReadonlyMap<string, number[]>): void {
  const median = (name: string) => {
    const sorted = [...(results.get(name) ?? [])].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  };
  console.log('\nmedians');
  for (const [name] of results) {
    const [own, other] = [median(name)!, median('pg_restore -j1')];
    const share = other ? `, ${(own / other).toFixed(2)} of pg_restore -j1` : '';
    console.log(`  ${name}: ${(own / 1000).toFixed(2)} s${share}`);
  }
}
