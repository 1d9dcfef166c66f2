import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AuditEntry, auditEntry } from '../../src/audit/audit-entry.ts';
import { createAuditLog } from '../../src/audit/audit-log.ts';
import { eventually, until } from '../support/eventually.ts';

const entry = (target: number) =>
  auditEntry({
    ...{ keyId: 'k', keyName: 'key', action: 'rows.insert', target: String(target), table: 'jobs' },
    ...{ status: 201, requestId: 'r' },
  });
const away = Object.assign(new Error('away'), { code: 'ECONNREFUSED' });

/** A log over a writer that does as it is told, and what was said of losses. */
function scene(options: { maxWaiting?: number } = {}) {
  const statements: (readonly AuditEntry[])[] = [];
  const lost: number[] = [];
  let refusals = 0;
  const state = { fault: null as Error | null };
  const log = createAuditLog({
    async write(entries) {
      if (state.fault !== null) {
        refusals += 1;
        throw state.fault;
      }
      statements.push(entries);
    },
    log: {
      warn: () => undefined,
      error: (told: unknown) =>
        void lost.push(...((told as { lost?: number }).lost ? [(told as { lost: number }).lost] : [])),
    },
    ...options,
  });
  const written = () => statements.flat().map(({ target }) => Number(target));
  return { log, state, statements, lost, written, refused: () => refusals };
}

describe('the audit log', () => {
  it('writes many entries in few statements, in order, each once', async () => {
    const { log, statements, written } = scene();
    for (let n = 0; n < 5000; n += 1) log.record(entry(n));
    await eventually(async () => written().length, 5000);
    assert.deepEqual(
      written(),
      Array.from({ length: 5000 }, (_, n) => n),
    );
    assert.equal(statements.length, 3);
    const ids = statements.flat().map(({ id }) => id);
    assert.deepEqual(ids, [...ids].sort());
    assert.equal(new Set(ids).size, 5000);
    log.record(entry(5000));
    await log.stop();
    assert.equal(written().length, 5001);
  });

  it('writes at a stop what waits', async () => {
    const { log, written, lost } = scene();
    log.record(entry(1));
    await log.stop();
    assert.deepEqual([written(), lost], [[1], []]);
  });

  it('keeps as many as it may while PostgreSQL is away, and counts what is lost beyond', async () => {
    const { log, state, written, lost, refused } = scene({ maxWaiting: 3 });
    state.fault = away;
    for (let n = 0; n < 10; n += 1) log.record(entry(n));
    await eventually(async () => refused() > 0, true);
    state.fault = null;
    await eventually(async () => [written(), lost], [[0, 1, 2], [7]]);
    log.record(entry(10));
    await log.stop();
    assert.deepEqual(written(), [0, 1, 2, 10]);
  });

  it('counts what a stop could not write, and does not wait for ever', async () => {
    const { log, state, lost } = scene();
    state.fault = away;
    log.record(entry(1));
    log.record(entry(2));
    await log.stop(300);
    assert.deepEqual(lost, [2]);
  });

  it('gives up entries that PostgreSQL refuses, and goes on with others', async () => {
    const { log, state, written, lost, refused } = scene();
    state.fault = Object.assign(new Error('no'), { code: '22021' });
    log.record(entry(1));
    await until(
      async () => refused(),
      (times) => times === 5,
    );
    state.fault = null;
    log.record(entry(2));
    await log.stop();
    assert.deepEqual([written(), lost], [[2], [1]]);
  });
});
