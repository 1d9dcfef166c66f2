import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchPython } from './python.ts';

/** Milliseconds a peer took for its whole process, or why it could not be asked. */
export type Timed = { readonly ms: number } | { readonly missing: string };

/** Runs SQL (and psql's own commands) in one psql session. */
export function psql(url: string, script: string): Timed {
  return timed('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', url], script);
}

/** pgloader with its own defaults for CSV, into the constrained table. */
export function pgloader(url: string, file: string, table: string): Timed {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-bench-'));
  try {
    const command = join(folder, 'hires.load');
    writeFileSync(
      command,
      `LOAD CSV FROM '${file}' (id, name, datetime, department_id, job_id)
         INTO ${url.replace('postgres://', 'postgresql://')}?tablename=${table} (id, name, datetime, department_id, job_id)
         WITH fields terminated by ',', fields optionally enclosed by '"';`,
    );
    return timed('pgloader', ['--quiet', command]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** pandas: read_csv, then to_sql with its quickest documented setting. */
export async function pandasToSql(url: string, file: string, table: string): Promise<Timed> {
  const python = await benchPython(['pandas==2.3.3', 'SQLAlchemy==2.0.44', 'psycopg2-binary==2.9.11']);
  if ('missing' in python) return python;
  return timed(python.path, [
    '-c',
    `import pandas as pd, sqlalchemy as sa
frame = pd.read_csv(${JSON.stringify(file)}, header=None,
                    names=['id', 'name', 'datetime', 'department_id', 'job_id'], parse_dates=['datetime'])
engine = sa.create_engine(${JSON.stringify(url.replace('postgres://', 'postgresql+psycopg2://'))})
frame.to_sql(${JSON.stringify(table)}, engine, if_exists='append', index=False, method='multi', chunksize=5000)`,
  ]);
}

function timed(program: string, args: readonly string[], input?: string): Timed {
  const startedAt = performance.now();
  const { status, error, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
  const ms = performance.now() - startedAt;
  if (error) return { missing: `${program} is not installed` };
  if (status !== 0) return { missing: `${program} failed: ${stderr.slice(-300)}` };
  return { ms };
}
