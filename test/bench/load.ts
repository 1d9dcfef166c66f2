import { type BenchPlatform, benchPlatform } from './bench-platform.ts';
import { pandasToSql, pgloader, psql, type Timed } from './peers.ts';

const ROWS = 2_000_000;
const BAD_SHARE = 0.03;
const ROUNDS = 3;
/** Peers that take minutes get a share of the rows; they are compared by rows a second. */
const SHARE = 100_000;

const COLUMNS =
  'id bigint not null, name text not null, datetime timestamptz not null, department_id bigint not null, job_id bigint not null';
const KEY = 'primary key (id)';
const REFERENCES = ['department_id) references departments (id', 'job_id) references jobs (id'];

/** `npm run bench -- load [rounds]`: loads against psql, pgloader and pandas, side by side in one PostgreSQL. */
export async function benchLoad([rounds]: readonly string[]): Promise<void> {
  await using bench = await benchPlatform();
  console.log(
    `${ROWS} hires, ${BAD_SHARE * 100} % bad rows; clean rows for the peers; medians of ${rounds ?? ROUNDS} rounds`,
  );
  const first = { seed: 1, hires: ROWS, badShare: BAD_SHARE };
  const files = {
    all: await bench.writeHires('all.csv', first),
    clean: await bench.writeHires('clean.csv', { ...first, goodOnly: true }),
    share: await bench.writeHires('share.csv', { seed: 1, hires: SHARE, badShare: 0 }),
  };
  const later = await laterFiles(bench, files);
  const results: Record<string, number[]> = {};
  const keep = (name: string, timed: Timed) => {
    if ('missing' in timed) console.log(`  ${name}: skipped, ${timed.missing}`);
    else {
      results[name] ??= [];
      results[name].push(timed.ms);
      console.log(`  ${name}: ${(timed.ms / 1000).toFixed(2)} s`);
    }
  };

  for (let round = 1; round <= Number(rounds ?? ROUNDS); round++) {
    console.log(`round ${round}`);
    await prepare(bench);
    keep(
      'first: \\copy into the constrained table',
      psql(bench.databaseUrl, `\\copy peer from '${files.clean}' csv`),
    );
    await prepare(bench);
    keep('first: by hand, constraints afterwards', psql(bench.databaseUrl, byHand(files.clean)));
    await prepare(bench);
    keep('first: longshore, uploaded', await longshore(bench, 'load', files.all));
    await prepare(bench);
    keep('first: longshore, from the inbox', await longshore(bench, 'loadInbox', files.all));

    await prepare(bench);
    psql(bench.databaseUrl, `\\copy peer from '${files.clean}' csv`);
    await settle(bench);
    keep(
      'append: \\copy into the filled table',
      psql(bench.databaseUrl, `\\copy peer from '${later.clean}' csv`),
    );
    await prepare(bench);
    await longshore(bench, 'load', files.all);
    await settle(bench);
    keep('append: longshore', await longshore(bench, 'load', later.all));
  }

  console.log('a share of the rows');
  await prepare(bench);
  keep('share: pgloader', pgloader(bench.databaseUrl, files.share, 'peer'));
  await prepare(bench);
  keep('share: pandas to_sql', await pandasToSql(bench.databaseUrl, files.share, 'peer'));
  report(results);
}

/** The second 2 million: IDs that go on where the first ended. */
async function laterFiles(bench: BenchPlatform, files: { all: string; clean: string }) {
  const shift = (from: string, to: string) => {
    const awk = `BEGIN { FS = OFS = "," } $1 != "" { $1 += ${ROWS} } { print }`;
    const made = psql(bench.databaseUrl, `\\! awk '${awk}' '${from}' > '${to}'`);
    if ('missing' in made) throw new Error(made.missing);
    return to;
  };
  return {
    all: shift(files.all, files.all.replace('all.csv', 'later.csv')),
    clean: shift(files.clean, files.clean.replace('clean.csv', 'later-clean.csv')),
  };
}

async function longshore(bench: BenchPlatform, way: 'load' | 'loadInbox', file: string): Promise<Timed> {
  const { ms, view } = await bench[way](file, { force: 'true' });
  const { read, loaded, rejected } = view.rows;
  if (read !== ROWS || loaded + rejected !== read)
    throw new Error(`wrong counts: ${JSON.stringify(view.rows)}`);
  return { ms };
}

/** The best that one psql session does: everything in one transaction, keys built once the rows are in. */
function byHand(file: string): string {
  return `begin;
    create table by_hand (${COLUMNS});
    \\copy by_hand from '${file}' csv
    alter table by_hand add ${KEY};
    ${REFERENCES.map((r) => `alter table by_hand add foreign key (${r});`).join('\n')}
    commit;`;
}

/** An empty constrained table for the peers, an empty one for us, and a server that has nothing left to write. */
async function prepare({ db }: BenchPlatform): Promise<void> {
  await db.query('drop table if exists peer, by_hand');
  await db.query(
    `create table peer (${COLUMNS}, ${KEY}, ${REFERENCES.map((r) => `foreign key (${r})`).join(', ')})`,
  );
  await db.query('truncate hired_employees');
  await db.query('checkpoint');
}

async function settle({ db }: BenchPlatform): Promise<void> {
  await db.query('vacuum analyze');
  await db.query('checkpoint');
}

function report(results: Record<string, number[]>): void {
  const median = (name: string) => {
    const sorted = [...(results[name] ?? [])].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  };
  const ratio = (peer: string, own: string, rowsShare = 1) => {
    const [a, b] = [median(peer), median(own)];
    return a === undefined || b === undefined
      ? 'not measured'
      : `${(a / b / rowsShare).toFixed(2)} times as fast`;
  };
  const first = 'first: longshore, uploaded';
  const inbox = 'first: longshore, from the inbox';
  console.log('\nlongshore is');
  console.log(`  ${ratio('first: \\copy into the constrained table', first)} as \\copy, first load`);
  console.log(
    `  ${ratio('first: by hand, constraints afterwards', first)} as one psql session by hand, first load`,
  );
  const file = 'with the file on the same disk, as psql has it';
  console.log(`  ${ratio('first: \\copy into the constrained table', inbox)} as \\copy, first load, ${file}`);
  console.log(`  ${ratio('first: by hand, constraints afterwards', inbox)} as by hand, first load, ${file}`);
  console.log(`  ${ratio('append: \\copy into the filled table', 'append: longshore')} as \\copy, append`);
  console.log(`  ${ratio('share: pgloader', first, SHARE / ROWS)} as pgloader, by rows a second`);
  console.log(`  ${ratio('share: pandas to_sql', first, SHARE / ROWS)} as pandas to_sql, by rows a second`);
}
