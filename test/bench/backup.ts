import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CODECS, type Codec } from '../../src/avro/codec.ts';
import type { BackupView } from '../../src/backups/backup.ts';
import { type BenchPlatform, benchPlatform } from './bench-platform.ts';
import { psql, type Timed } from './peers.ts';
import { copyTable, dumpServer, pgDump } from './pg-dump.ts';

const ROWS = 2_000_000;
const ROUNDS = 3;
const TABLE = 'hired_employees';
const COLUMNS =
  'id bigint, name text, datetime timestamptz, department_id bigint, job_id bigint, _load_id bigint, _line bigint';

/** `npm run bench -- backup [rounds] [rows]`: backups against pg_dump and psql's \copy, all to the same disk. */
export async function benchBackup([rounds = ROUNDS, rows = ROWS]: readonly (
  | string
  | number
)[]): Promise<void> {
  await using bench = await benchPlatform();
  const hires = await bench.writeHires('hires.csv', { seed: 1, hires: Number(rows), badShare: 0 });
  await bench.load(hires, {});
  await bench.db.query('vacuum analyze');
  await bench.db.query('checkpoint');
  const [{ bytes }] = (await bench.db.query(`select pg_table_size('${TABLE}')::float8 as bytes`)).rows;
  console.log(`${rows} hires, ${mb(bytes)} in PostgreSQL; medians of ${rounds} rounds`);
  const folder = join(bench.platform.home, 'bench');
  await using peer = await dumpServer();
  if ('url' in peer) copyTable(bench.databaseUrl, peer.url, TABLE, COLUMNS);

  const results = new Map<string, number[]>();
  const keep = (name: string, timed: Timed, stored?: number) => {
    if ('missing' in timed) return console.log(`  ${name}: skipped, ${timed.missing}`);
    results.set(name, [...(results.get(name) ?? []), timed.ms]);
    console.log(
      `  ${name}: ${(timed.ms / 1000).toFixed(2)} s${stored === undefined ? '' : `, ${mb(stored)}`}`,
    );
  };
  for (let round = 1; round <= Number(rounds); round++) {
    console.log(`round ${round}`);
    const csv = join(folder, 'out.csv');
    keep('copy', psql(bench.databaseUrl, `\\copy ${TABLE} to '${csv}' csv`), sizeOf(csv));
    const dump = join(folder, 'out.dump');
    if ('url' in peer) keep('pg_dump', pgDump(peer.url, TABLE, dump), sizeOf(dump));
    else console.log(`  pg_dump: skipped, ${peer.missing}`);
    for (const codec of CODECS) {
      const { ms, view } = await backUp(bench, codec, Number(rows));
      keep(codec, { ms }, view.bytes ?? 0);
    }
  }
  report(results);
}

async function backUp(bench: BenchPlatform, codec: Codec, rows: number) {
  const startedAt = performance.now();
  const headers = { 'x-api-key': bench.platform.adminKey, 'content-type': 'application/json' };
  const path = `${bench.platform.apiUrl}/v1/tables/${TABLE}/backups`;
  const body = JSON.stringify({ codec });
  const response = await fetch(path, { method: 'POST', headers: { ...headers, prefer: 'wait=50' }, body });
  let view = (await response.json()) as BackupView;
  while (view.status === 'running') {
    view = (await (
      await fetch(`${bench.platform.apiUrl}/v1/backups/${view.id}`, { headers })
    ).json()) as BackupView;
  }
  const ms = performance.now() - startedAt;
  if (view.status !== 'done' || view.rows !== rows)
    throw new Error(`no good backup: ${JSON.stringify(view)}`);
  return { ms, view };
}

function report(results: ReadonlyMap<string, number[]>): void {
  const median = (name: string) => {
    const sorted = [...(results.get(name) ?? [])].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  };
  console.log('\nmedian time of a backup');
  for (const codec of CODECS) {
    const own = median(codec);
    const against = (peer: string, said: string) => {
      const other = median(peer);
      return own && other ? `${(own / other).toFixed(2)} of ${said}` : `${said} not measured`;
    };
    console.log(`  ${codec}: ${against('pg_dump', 'pg_dump -Fc -Z1')}, ${against('copy', '\\copy to CSV')}`);
  }
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
