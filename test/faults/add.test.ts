import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { lockTable } from '../support/batch-api.ts';
import { makeCheckout } from '../support/checkout.ts';
import { databaseUrl } from '../support/database-url.ts';
import { eventually } from '../support/eventually.ts';
import { gateTo } from '../support/gate.ts';
import { makeHome, removeHome } from '../support/home.ts';
import { type Ended, endOf, spawnLongshore } from '../support/longshore.ts';
import { cleanEnvironment, type TestPlatform, testPlatform } from '../support/platform.ts';

/** As a shop in Europe exports it: by semicolons, its last lines blank. Saved as windows-1252, and packed. */
const EXPORT = [
  'Kunden-Nr;Name;PLZ;Umsatz;Limit (USD);Geändert am;Kunde seit;Aktiv;Bemerkung',
  '000017;Jürgen Groß;01067;1.234,56;10,000.00;31/03/2026 14:05;03/01/2019;Y;zahlt in €',
  '000018;Zoë Müller;80331;99,90;2,500.50;01/04/2026 09:00;28/02/2020;N;NULL',
  '000019;"Meier; Söhne";04109;12.000.345,07;950.00;02/04/2026 23:59;05/06/2021;Y;"sagt ""später"""',
  '000020;O’Neill;20095;-3,00;1,000.00;03/04/2026 00:00;NULL;N;',
  '000021;Lukasz;NULL;0,00;12,345.67;04/04/2026 07:30;12/12/2022;Y;NULL',
  '000022;Ana – Lima;99084;7,5;0.99;05/04/2026 18:45;01/02/2023;N;01/02/2023',
  '',
  '   ',
  ';;;;;;;;',
  '',
];

/** What a careful person reads in it. */
const ROWS = [
  [
    '000017',
    'Jürgen Groß',
    '01067',
    '1234.56',
    '10000.00',
    '2026-03-31 14:05:00',
    '2019-01-03',
    true,
    'zahlt in €',
  ],
  ['000018', 'Zoë Müller', '80331', '99.90', '2500.50', '2026-04-01 09:00:00', '2020-02-28', false, null],
  [
    '000019',
    'Meier; Söhne',
    '04109',
    '12000345.07',
    '950.00',
    '2026-04-02 23:59:00',
    '2021-06-05',
    true,
    'sagt "später"',
  ],
  ['000020', 'O’Neill', '20095', '-3.00', '1000.00', '2026-04-03 00:00:00', null, false, null],
  ['000021', 'Lukasz', null, '0.00', '12345.67', '2026-04-04 07:30:00', '2022-12-12', true, null],
  ['000022', 'Ana – Lima', '99084', '7.5', '0.99', '2026-04-05 18:45:00', '2023-02-01', false, '01/02/2023'],
];

const COLUMNS = [
  ['Kunden-Nr', 'text'],
  ['Name', 'text'],
  ['PLZ', 'text'],
  ['Umsatz', 'numeric'],
  ['Limit (USD)', 'numeric'],
  ['Geändert am', 'timestamp with time zone'],
  ['Kunde seit', 'date'],
  ['Aktiv', 'boolean'],
  ['Bemerkung', 'text'],
];

/** The characters of the export that are others in windows-1252 than in Latin-1. */
const WINDOWS_1252: Readonly<Record<string, number>> = { '€': 0x80, '’': 0x92, '–': 0x96 };

function windows1252(text: string): Buffer {
  return Buffer.from(Array.from(text, (one) => WINDOWS_1252[one] ?? one.charCodeAt(0)));
}

describe('somebody with a CSV file and a fresh clone', () => {
  const folder = makeCheckout();
  const home = join(folder, '.longshore');
  let platform: TestPlatform;
  let db: Database;
  let startedAtMs: number;

  before(async () => {
    await makeHome(home);
    startedAtMs = performance.now();
    // What `npm start` runs once the packages are there.
    platform = await testPlatform({ after: () => undefined }, { home, cwd: folder, sample: true });
    db = await openDatabase({ url: databaseUrl(home), poolSize: 2 });
  });
  after(async () => {
    await db?.[Symbol.asyncDispose]();
    await platform?.stop();
    await removeHome(home);
    rmSync(folder, { recursive: true, force: true });
  });

  /** The second command, as it would be typed. */
  function npx(...args: string[]): Promise<Ended> {
    const env = {
      ...cleanEnvironment(),
      PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    };
    const child = spawn('npx', ['--no', 'longshore', ...args], {
      cwd: folder,
      env: { ...env, npm_config_update_notifier: 'false' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return endOf(child);
  }

  it('has every row of a messy export in a table of its own after two commands', async (t) => {
    writeFileSync(join(folder, 'Kunden März.csv.gz'), gzipSync(windows1252(EXPORT.join('\r\n'))));
    const { code, stdout, stderr } = await npx('add', 'Kunden März.csv.gz', '--yes');
    t.diagnostic(`${((performance.now() - startedAtMs) / 1000).toFixed(1)} s from npm start to the rows`);
    assert.equal(code, 0, stdout + stderr);
    const columns = await db.query<{ name: string; type: string }>(
      `select column_name as name, data_type as type from information_schema.columns
        where table_schema = 'public' and table_name = 'kunden_marz' and column_name not like '\\_%'
        order by ordinal_position`,
    );
    assert.deepEqual(
      columns.map(({ name, type }) => [name, type]),
      COLUMNS,
    );
    const rows = await db.query<Record<string, unknown>>(
      `select "Kunden-Nr", "Name", "PLZ", "Umsatz"::text, "Limit (USD)"::text, ("Geändert am" at time zone 'UTC')::text,
              "Kunde seit"::text, "Aktiv", "Bemerkung" from kunden_marz order by 1`,
    );
    assert.deepEqual(
      rows.map((row) => Object.values(row)),
      ROWS,
    );
    const [load] = await db.query<object>(
      `select status, rows_rejected::int as rejected from longshore.load where table_name = 'kunden_marz'`,
    );
    assert.deepEqual({ ...load }, { status: 'done', rejected: 0 });
  });

  const ROW_COUNT = 20_000;
  const CSV = `id,name,amount\n${Array.from({ length: ROW_COUNT }, (_, i) => `${i + 1},name ${i + 1},${i}.5`).join('\n')}\n`;

  /** A command in a process of its own, on the way that can be held up. */
  function add(name: string, url: string) {
    writeFileSync(join(folder, `${name}.csv`), CSV);
    const env = { LONGSHORE_URL: url, LONGSHORE_KEY: platform.adminKey };
    return spawnLongshore(['add', `${name}.csv`, '--yes'], { cwd: folder, env });
  }

  /** A command that ends without the request that is to be held up fails at once. */
  function heldBefore(held: Promise<() => void>, end: Promise<Ended>): Promise<() => void> {
    const ended = end.then(({ stdout, stderr }) => assert.fail(`it was not held up: ${stdout}${stderr}`));
    ended.catch(() => undefined);
    return Promise.race([held, ended]);
  }

  async function isReady(): Promise<boolean> {
    const answer = await fetch(`${platform.apiUrl}/readyz`).catch(() => null);
    return answer?.ok === true;
  }

  async function assertOnce(name: string): Promise<void> {
    const [found] = await db.query<object>(
      `select count(*)::int as rows, count(distinct id)::int as ids, sum(amount)::text as amount from ${name}`,
    );
    assert.deepEqual({ ...found }, { rows: ROW_COUNT, ids: ROW_COUNT, amount: '200000000.0' }, name);
    const loads = await db.query<object>(
      'select status, rows_loaded::int as rows from longshore.load where table_name = $1',
      [name],
    );
    assert.deepEqual(
      loads.map((load) => ({ ...load })),
      [{ status: 'done', rows: ROW_COUNT }],
      name,
    );
  }

  const KILLED = [
    ['killed_reading', 'while it reads the file', /^GET \/v1\/dictionary$/, 'done'],
    ['killed_before', 'before it has created the table', /^POST \/v1\/tables$/, 'nowhere'],
    ['killed_between', 'between creating and loading', /^POST \/v1\/tables$/, 'done'],
    ['killed_sending', 'in the middle of the file', /^POST .*\/loads/, 'begun'],
    ['killed_sent', 'once the file is sent', /^POST .*\/loads/, 'done'],
    ['killed_watching', 'while it watches the load', /^GET \/v1\/loads\//, 'nowhere'],
  ] as const;
  for (const [name, when, pattern, reach] of KILLED) {
    it(`who is killed ${when} has every row once after the same command`, async (t) => {
      const gate = await gateTo(t, () => platform.apiUrl);
      const held = gate.hold(pattern, reach);
      const killed = add(name, gate.url);
      const end = endOf(killed);
      const release = await heldBefore(held, end);
      // It goes on, and is killed at whatever it is at.
      if (name === 'killed_reading') release();
      killed.kill('SIGKILL');
      await end;
      const again = await endOf(add(name, platform.apiUrl));
      assert.equal(again.code, 0, again.stdout + again.stderr);
      await assertOnce(name);
    });
  }

  it('has every row once when the API is killed while it makes the table, or takes the file', async (t) => {
    const gate = await gateTo(t, () => platform.apiUrl);
    for (const [name, pattern, reach] of [
      ['lost_making', /^POST \/v1\/tables$/, 'nowhere'],
      ['lost_taking', /^POST .*\/loads/, 'begun'],
    ] as const) {
      const held = gate.hold(pattern, reach);
      const end = endOf(add(name, gate.url));
      const release = await heldBefore(held, end);
      await using lock = await lockTable(db, name, 'select pg_advisory_xact_lock(7463002)');
      release();
      if (reach === 'nowhere') await eventually(async () => (await lock.waiting()) > 0, true);
      const before = platform.pids().api;
      platform.kill('api');
      const { code, stderr } = await end;
      assert.equal(code, 4, stderr);
      assert.match(stderr, /can not be reached[\s\S]*The same command again goes on from here/);
      await lock.release();
      await eventually(async () => (platform.pids().api ?? before) !== before && (await isReady()), true);
      const again = await endOf(add(name, platform.apiUrl));
      assert.equal(again.code, 0, again.stdout + again.stderr);
      await assertOnce(name);
    }
  });

  it('has every row once when everything is killed between creating and loading', async (t) => {
    const gate = await gateTo(t, () => platform.apiUrl);
    const held = gate.hold(/^POST \/v1\/tables$/, 'done');
    const end = endOf(add('all_killed', gate.url));
    const release = await heldBefore(held, end);
    await platform.killAll();
    release();
    const { code, stderr } = await end;
    assert.equal(code, 4, stderr);
    await db[Symbol.asyncDispose]();
    platform = await testPlatform({ after: () => undefined }, { home, cwd: folder });
    db = await openDatabase({ url: databaseUrl(home), poolSize: 2 });
    const again = await endOf(add('all_killed', gate.url));
    assert.equal(again.code, 0, again.stdout + again.stderr);
    assert.match(again.stderr, /the table all_killed is there already, with the same definition/);
    await assertOnce('all_killed');
  });
});
