import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { openReports } from '../../api/reports/open-reports.ts';
import { checkRights } from '../../src/db/check-rights.ts';
import { checkServer } from '../../src/db/check-server.ts';
import { openDatabase } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { freePort } from '../../src/platform/ports.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { runSql, testDatabase } from '../support/database.ts';
import type { Cleanup } from '../support/home.ts';
import { plainDatabase } from '../support/plain-role.ts';
import { poolerTo } from '../support/pooler.ts';
import { postgresServer } from '../support/servers.ts';

const PASSWORD = 'secret-of-the-test';

describe('a PostgreSQL server of one’s own', () => {
  it('is taken when it fits, whatever role it gives', async (t) => {
    await checkServer((await plainDatabase(t)).url);
  });

  it('is not there: the error says where, and shows no password', async () => {
    const port = await freePort();
    await refused(`postgres://me:${PASSWORD}@127.0.0.1:${port}/db`, 'database-unavailable', [
      `127.0.0.1:${port}`,
      'ECONNREFUSED',
    ]);
    await refused(`postgres://me:${PASSWORD}@nowhere.invalid/db`, 'database-unavailable', [
      'nowhere.invalid:5432',
    ]);
  });

  it('does not know the role, the password or the database', async (t) => {
    const { url, role } = await plainDatabase(t);
    const changed = (change: Partial<URL>) => Object.assign(new URL(url), change).href;
    await refused(changed({ password: PASSWORD }), 'database-access', [`role "${role}"`, 'password']);
    await refused(changed({ password: '' }), 'database-access', [role, 'password']);
    await refused(changed({ username: 'nobody', password: PASSWORD }), 'database-access', ['role "nobody"']);
    await refused(changed({ pathname: '/none' }), 'database-access', ['database "none"']);
    await runSql(url, `revoke connect on database ${role} from public, ${role}`);
    await refused(url, 'database-access', ['permission denied', role]);
  });

  it('has no TLS, or not the one that the URL asks for', async (t) => {
    const { url } = await plainDatabase(t);
    await refused(`${url}?sslmode=verify-full`, 'database-access', ['TLS']);
    await refused(`${url}?sslmode=verify-full&sslrootcert=/no/such.pem`, 'database-access', ['/no/such.pem']);
  });

  it('lets the role do too little: the error has the statements that mend it, and they do', async (t) => {
    const { url, role } = await plainDatabase(t);
    const { url: admin } = await postgresServer();
    const other = `other_${role}`;
    const inDatabase = Object.assign(new URL(admin), { pathname: `/${role}` }).href;
    await runSql(admin, `create role ${other}`);
    t.after(() => runSql(admin, `drop role ${other}`));
    await runSql(admin, `alter database ${role} owner to ${other}`);
    /** What is missing now, after what was missing before was granted. */
    const missing = async () => {
      const statements: string[] = [];
      for (;;) {
        const fault = await checkRights(url).then(
          () => null,
          (error) => error as LongshoreError,
        );
        if (fault === null) return statements;
        assert.equal(fault.code, 'database-rights', fault.message);
        const told = [...fault.message.matchAll(/: ((?:grant|create) [^;]+)(?:; and it|$)/g)];
        assert.ok(told.length > 0, fault.message);
        for (const [, statement] of told) {
          statements.push(statement!.replaceAll(other, 'OTHER').replaceAll(role, 'ROLE'));
          await runSql(inDatabase, statement!);
        }
      }
    };
    assert.deepEqual(await missing(), [
      'grant create on database "ROLE" to "ROLE"',
      'grant usage, create on schema "public" to "ROLE"',
    ]);
    await migrate(url);
    assert.deepEqual(await missing(), []);
    await runSql(inDatabase, `drop schema public; alter table longshore.load owner to ${other}`);
    await runSql(
      inDatabase,
      `revoke all on schema longshore from ${role}; alter schema longshore owner to ${other}`,
    );
    assert.deepEqual(await missing(), [
      'grant usage, create on schema "longshore" to "ROLE"',
      'create schema "public" authorization "ROLE"',
      'grant "OTHER" to "ROLE"',
    ]);
  });

  it('keeps the role from the reader of reports: the log has the statements that mend it', async (t) => {
    const { url, role } = await plainDatabase(t);
    await migrate(url);
    await using db = await openDatabase({ url, poolSize: 2 });
    const lines: string[] = [];
    const log = createLogger({ level: 'warn', process: 'test' }, { write: (line) => void lines.push(line) });
    const dictionary = { ...(await readDictionary(undefined)), base: 'sample' as const };
    await ensureTables(url, dictionary);
    const config = { reportsPath: undefined };
    const open = async () => {
      await using _reports = await openReports({ config, databaseUrl: url, dictionary, db, log });
    };
    await open();
    const { code, remedy, msg } = JSON.parse(lines.join('')) as Record<string, string>;
    assert.equal(code, 'database-rights');
    assert.ok(remedy!.includes('docs/operations.md'), remedy);
    const grant = `grant "longshore_reader" to "${role}"`;
    assert.ok(msg!.endsWith(`create role "longshore_reader" nologin; ${grant}`), msg);
    const { url: admin } = await postgresServer();
    // The role may be there already, as it is one for the whole server.
    await runSql(admin, 'create role "longshore_reader" nologin').catch(() => undefined);
    await runSql(admin, grant);
    await open();
    assert.equal(lines.length, 1);
  });

  it('is too old: the error has both versions', async (t) => {
    const { url } = await testDatabase(t);
    const [{ num } = { num: '' }] = await runSql<{ num: string }>(
      url,
      `select current_setting('server_version_num') as num`,
    );
    // The same server, whose word for its version is another one on its way here.
    await refused(await saying(t, url, num, '140018'), 'database-unfit', ['PostgreSQL', '15']);
    await checkServer(await saying(t, url, num, '150000'));
  });

  it('is a standby', async (t) => {
    const { url } = await testDatabase(t);
    // The same server, which is asked something that is true instead.
    const asked = 'pg_is_in_recovery()';
    await refused(await saying(t, url, asked, 'true'.padEnd(asked.length)), 'database-unfit', ['standby']);
  });

  it('may be behind a pooler in session mode', async (t) => {
    const { url } = await testDatabase(t);
    const pooled = await poolerTo(t, url, 'session');
    await checkServer(pooled);
    await using db = await openDatabase({ url: pooled, poolSize: 3 });
    const stop = new AbortController();
    const waiting = db.transaction(
      async (tx) => {
        setTimeout(() => stop.abort(new Error('no longer wanted')), 100);
        await tx.query('select pg_sleep(60)');
      },
      { signal: stop.signal, name: 'sleeper' },
    );
    await assert.rejects(waiting, /no longer wanted/);
    const both = await Promise.all(
      [1, 2].map((n) =>
        db.transaction(async (tx) => {
          await tx.client.query('create temporary table mine (n int)');
          await tx.em.execute(`insert into mine values (${n})`);
          return (await tx.query('select n from mine'))[0];
        }),
      ),
    );
    assert.deepEqual(both, [{ n: 1 }, { n: 2 }], 'a transaction and its client have one connection');
  });

  it('is not used through a pooler that lends a connection for each transaction', async (t) => {
    const { url } = await testDatabase(t);
    const pooled = await poolerTo(t, url, 'transaction');
    await refused(pooled, 'database-unfit', ['pooler', 'transaction', 'snapshot of a backup']);
  });
});

async function refused(url: string, code: string, words: readonly string[]): Promise<void> {
  await assert.rejects(checkServer(url), (error) => {
    assert(error instanceof LongshoreError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert(error.message.includes(word), `${word}: ${error.message}`);
    assert(!error.message.includes(PASSWORD), error.message);
    return true;
  });
}

/** The server's address, on the way to which and back one word becomes another one of the same length. */
async function saying(t: Cleanup, url: string, word: string, other: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    near.on('error', () => undefined).on('close', () => far.destroy());
    far.on('error', () => undefined).on('close', () => near.destroy());
    const changed = (bytes: Buffer) =>
      Buffer.from(bytes.toString('latin1').replaceAll(word, other), 'latin1');
    near.on('data', (bytes) => far.write(changed(bytes)));
    far.on('data', (bytes) => near.write(changed(bytes)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => server.close());
  const changed = new URL(url);
  changed.port = String((server.address() as { port: number }).port);
  return changed.href;
}
