import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SHAPES, type Shape, writeShape } from './infer/shapes.ts';
import { benchPython } from './python.ts';

const OWN = fileURLToPath(new URL('infer/own.ts', import.meta.url));
const PACKAGES = ['csvkit==2.2.0', 'duckdb==1.5.5', 'frictionless==5.21.0'];

const FILE_MB = 100;
/** What takes minutes gets a smaller file of the same kind; all are compared by bytes a second. */
const SMALL_MB = 1;
const MB = 1_000_000;

interface Measured {
  readonly seconds: number;
  /** Of all threads. */
  readonly cpuSeconds: number;
  readonly mostMb: number;
}

interface Peer {
  readonly name: string;
  readonly slow: boolean;
  /** Python, with the file's `path` and Python's name of its `encoding`. */
  readonly work: string;
}

const PEERS: readonly Peer[] = [
  {
    name: 'DuckDB sniff_csv, every row',
    slow: false,
    work: `import duckdb
db = duckdb.connect()
db.execute(f"select * from sniff_csv(?, sample_size=-1, encoding='{duckdb_encoding}')", [path]).fetchall()`,
  },
  {
    name: 'DuckDB summarize of read_csv, every row',
    slow: false,
    work: `import duckdb
db = duckdb.connect()
db.execute(f"summarize select * from read_csv('{path}', sample_size=-1, encoding='{duckdb_encoding}')").fetchall()`,
  },
  {
    name: 'csvstat (csvkit)',
    slow: true,
    work: `import contextlib, csv, io
from csvkit.utilities.csvstat import CSVStat
csv.field_size_limit(2**31 - 1)
with contextlib.redirect_stdout(io.StringIO()):
    CSVStat(['-e', encoding, path], io.StringIO()).run()`,
  },
  {
    name: 'frictionless describe, every row, with stats',
    slow: true,
    work: `import os, frictionless
os.chdir(os.path.dirname(path))
every = frictionless.Detector(sample_size=10**9)
frictionless.describe(os.path.basename(path), type='table', encoding=encoding, detector=every, stats=True)`,
  },
];

/**
 * `npm run bench -- infer [MB]`: what inference over every row costs, beside programs that find types as well. Each
 * runs in a process of its own; what it imports counts for its memory, and not for its time.
 */
export async function benchInfer([size]: readonly string[]): Promise<void> {
  const megabytes = Number(size ?? FILE_MB);
  const folder = await mkdtemp(join(tmpdir(), 'longshore-bench-'));
  try {
    const python = await benchPython(PACKAGES);
    if ('missing' in python) console.log(`peers: skipped, ${python.missing}`);
    for (const shape of SHAPES) {
      const large = join(folder, 'large.csv');
      const small = join(folder, 'small.csv');
      await writeShape(large, shape, megabytes * MB);
      await writeShape(small, shape, Math.min(SMALL_MB, megabytes) * MB);
      console.log(
        `\n${shape.name}, ${megabytes} MB (${Math.min(SMALL_MB, megabytes)} MB for csvstat and frictionless)`,
      );
      const own = await measured('Longshore', large, process.execPath, [OWN, large]);
      if (own === null || 'missing' in python) continue;
      for (const peer of PEERS) {
        const path = peer.slow ? small : large;
        const theirs = await measured(peer.name, path, python.path, ['-c', scriptOf(peer, shape, path)]);
        if (theirs !== null) {
          const times = (of: 'speed' | 'speedACore') => (own[of] / theirs[of]).toFixed(1);
          console.log(
            `    Longshore is ${times('speed')} times as fast, ${times('speedACore')} times a core`,
          );
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function scriptOf({ work }: Peer, { encoding }: Shape, path: string): string {
  const imports = work.split('\n').filter((line) => /^(?:import|from) /.test(line));
  const rest = work.split('\n').filter((line) => !imports.includes(line));
  return `import json, resource, time
${imports.join('\n')}
path, encoding = ${JSON.stringify(path)}, ${JSON.stringify(encoding === 'utf8' ? 'utf-8' : 'cp1252')}
duckdb_encoding = ${JSON.stringify(encoding === 'utf8' ? 'utf-8' : 'latin-1')}
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
started, before = time.perf_counter(), cpu()
${rest.join('\n')}
print(json.dumps({'seconds': time.perf_counter() - started, 'cpuSeconds': cpu() - before,
                  'mostMb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))`;
}

/** MB a second, by the clock and of one core's time. */
async function measured(
  name: string,
  path: string,
  program: string,
  args: readonly string[],
): Promise<{ readonly speed: number; readonly speedACore: number } | null> {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) {
    console.log(`  ${name}: failed, ${stderr.trim().slice(-200)}`);
    return null;
  }
  const { seconds, cpuSeconds, mostMb }: Measured = JSON.parse(stdout.trim().split('\n').at(-1)!);
  const bytes = (await stat(path)).size / MB;
  const [speed, speedACore] = [bytes / seconds, bytes / cpuSeconds];
  console.log(
    `  ${name.padEnd(42)}${speed.toFixed(1).padStart(8)} MB/s${speedACore.toFixed(1).padStart(8)} MB/s a core${mostMb.toFixed(0).padStart(7)} MB at most`,
  );
  return { speed, speedACore };
}
