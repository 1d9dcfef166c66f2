import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { makeCheckout } from '../support/checkout.ts';
import { databaseUrl } from '../support/database-url.ts';
import { makeHome, removeHome } from '../support/home.ts';
import { type Ended, endOf } from '../support/longshore.ts';
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
});
