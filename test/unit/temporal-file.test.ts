import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { compactTemporalFile, copyOf, isWorthCompacting } from '../../src/platform/temporal-file.ts';

const MIB = 2 ** 20;
const ROWS = 40;

test('a file of which little is free, or that is small, or not there, is left as it is', async (t) => {
  const file = await temporalFile(t, { freed: 5 });
  const { ino } = statSync(file);
  assert.equal(isWorthCompacting(file, MIB), false);
  assert.equal(compactTemporalFile(file, MIB), null);
  const free = await temporalFile(t, { freed: 30 });
  assert.equal(isWorthCompacting(free, 100 * MIB), false);
  assert.equal(isWorthCompacting(free, MIB), true);
  assert.equal(statSync(file).ino, ino);
  assert.equal(isWorthCompacting(`${file}.other`), false);
});

test('an interrupted compaction loses nothing, whenever it is killed, and the next one ends it', async (t) => {
  const served = await temporalFile(t, { freed: 30 });
  const db = open(served);
  db.exec('pragma wal_autocheckpoint = 0');
  insert(db, ROWS + 1);
  // As a server leaves it that is killed: its last row is in the WAL alone.
  const file = `${served}.killed`;
  for (const part of ['', '-wal']) copyFileSync(served + part, file + part);
  db.close();
  for (const copied of [0, MIB, 4 * MIB, 8 * MIB]) {
    const child = compacting(file);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    while (child.exitCode === null && !(sizeOf(copyOf(file)) > copied)) await sleep(1);
    child.kill('SIGKILL');
    await ended;
    assert.deepEqual(content(file), { rows: ROWS - 30 + 1, check: 'ok' });
  }
  compactTemporalFile(file, MIB);
  assert.equal(existsSync(copyOf(file)), false);
  assert.deepEqual(content(file), { rows: ROWS - 30 + 1, check: 'ok' });
  assert.ok(sizeOf(file) < 16 * MIB, `${sizeOf(file)} bytes`);
  assert.equal(isWorthCompacting(file, MIB), false);
});

test('a copy that can not be made leaves the file as it is', async (t) => {
  const file = await temporalFile(t, { freed: 30 });
  mkdirSync(join(copyOf(file), 'in the way'), { recursive: true });
  assert.throws(() => compactTemporalFile(file, MIB));
  assert.deepEqual(content(file), { rows: ROWS - 30, check: 'ok' });
});

/** As the server makes it, with texts in double quotes and an index that nobody asks for, and rows of a MiB each. */
async function temporalFile(t: TestContext, { freed }: { readonly freed: number }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-temporal-file-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'temporal.db');
  const db = open(file);
  db.exec(`
    pragma journal_mode = wal;
    create table executions_visibility (
      run_id text primary key, search text, keyword text generated always as (json_extract(search, "$.Keyword01")));
    create index default_idx on executions_visibility (run_id);
    create index by_keyword_01 on executions_visibility (keyword);
    create table executions (id integer primary key, data blob)`);
  for (let id = 1; id <= ROWS; id++) insert(db, id);
  db.exec(`delete from executions where id <= ${freed}`);
  db.exec('drop index by_keyword_01');
  db.close();
  return file;
}

function insert(db: DatabaseSync, id: number): void {
  db.exec(`insert into executions values (${id}, randomblob(${MIB}))`);
}

/** A process that compacts. */
function compacting(file: string) {
  const module = new URL('../../src/platform/temporal-file.ts', import.meta.url).href;
  const code = `(await import(${JSON.stringify(module)})).compactTemporalFile(${JSON.stringify(file)}, ${MIB})`;
  return spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: 'inherit' });
}

function content(file: string) {
  const db = open(file);
  try {
    const [{ n }] = db.prepare('select count(*) as n from executions').all() as [{ n: number }];
    const [{ integrity_check: check }] = db.prepare('pragma integrity_check').all() as [
      { integrity_check: string },
    ];
    return { rows: n, check };
  } finally {
    db.close();
  }
}

function open(file: string): DatabaseSync {
  return new DatabaseSync(file, { enableDoubleQuotedStringLiterals: true, timeout: 5_000 });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? -1;
}
