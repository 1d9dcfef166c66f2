import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { auditEntry } from '../../src/audit/audit-entry.ts';
import { createAuditLog } from '../../src/audit/audit-log.ts';
import { insertAudit } from '../../src/audit/audit-rows.ts';
import { openDatabase } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { startPostgres } from '../../src/platform/postgres.ts';
import { eventually } from '../support/eventually.ts';
import { testHome } from '../support/home.ts';

const entry = (target: number) =>
  auditEntry({
    ...{ keyId: 'k', keyName: 'key', action: 'rows.insert', target: String(target), table: 'jobs' },
    ...{ status: 201, requestId: 'r' },
  });

describe('the audit log', () => {
  it('survives a restart of PostgreSQL without a loss and without a double', async (t) => {
    const home = await testHome(t);
    const quiet = { info: () => undefined, warn: () => undefined };
    const first = await startPostgres({ home, log: quiet });
    await migrate(first.url);
    await using db = await openDatabase({ url: first.url });
    const lost: unknown[] = [];
    const log = createAuditLog({
      write: (entries) => insertAudit(db, entries),
      log: { warn: () => undefined, error: (told: unknown) => void lost.push(told) },
    });
    let recorded = 0;
    const recording = setInterval(() => log.record(entry(recorded++)), 2);
    const written = async () =>
      (await db.query<{ n: number }>('select count(*)::int as n from longshore.audit'))[0]!.n;
    await eventually(async () => (await written()) > 50, true);
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const before = recorded;
    await eventually(async () => recorded > before + 50, true);
    const second = await startPostgres({ home, log: quiet, port: first.port });
    const after = recorded;
    await eventually(async () => (await written()) > after, true);
    clearInterval(recording);
    await log.stop();
    const rows = await db.query<{ target: string }>('select target from longshore.audit order by id');
    assert.deepEqual(
      rows.map(({ target }) => Number(target)),
      Array.from({ length: recorded }, (_, n) => n),
    );
    assert.deepEqual(lost, []);
    await db.orm.close(true);
    await second.stop();
  });
});
