import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { longshore } from '../support/longshore.ts';
import { testStack } from '../support/stack.ts';

interface Document {
  readonly rows: Record<string, number>;
  readonly batches: { readonly answered: number; readonly replayed: number };
  readonly rejects: readonly {
    readonly line: number;
    readonly errors: readonly { readonly code: string }[];
  }[];
  readonly complete: boolean;
  readonly run: string | null;
}

describe('longshore insert, with a real platform', async () => {
  const stack = await testStack({ after });

  const run = (table: string, file: string, ...args: string[]) =>
    longshore(['insert', table, file, ...args], {
      cwd: stack.home,
      env: { LONGSHORE_HOME: stack.home, LONGSHORE_URL: stack.url, LONGSHORE_KEY: stack.key },
    });
  const put = async (name: string, content: string) => {
    const file = join(stack.home, name);
    await writeFile(file, content);
    return file;
  };
  const job = (id: number, name = `job ${id}`) => `${JSON.stringify({ id, job: name })}\n`;
  const jobs = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => job(from + at));

  it('brings every row in once, however often it runs', async () => {
    const file = await put('jobs.ndjson', jobs(1, 2345).join(''));
    const first = await run('jobs', file, '--json');
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual((JSON.parse(first.stdout) as Document).batches, { answered: 5, replayed: 0 });
    const second = await run('jobs', file, '--json');
    assert.equal(second.code, 0, second.stderr);
    const { rows, batches } = JSON.parse(second.stdout) as Document;
    assert.deepEqual([rows.accepted, batches], [2345, { answered: 5, replayed: 5 }]);
    const found = await stack.rows('jobs');
    assert.deepEqual(
      found.map(({ id, job }) => [Number(id), job]),
      Array.from({ length: 2345 }, (_, at) => [at + 1, `job ${at + 1}`]),
    );
    // On purpose once more: each row meets itself.
    const again = await run('jobs', file, '--again', '--json');
    assert.equal(again.code, 3);
    assert.equal((JSON.parse(again.stdout) as Document).rows.rejected, 2345);
  });

  it('reports rejected rows by their line in the file, and discarded ones', async () => {
    const content = [job(10_001), '{"id":', '\n', job(1), '{"id":10002}\n', job(10_003), job(10_004)];
    const file = await put('bad.ndjson', content.join(''));
    const { code, stdout, stderr } = await run('jobs', file, '--batch', '2', '--strict', '--json');
    assert.equal(code, 3, stderr);
    const { rows, rejects } = JSON.parse(stdout) as Document;
    assert.deepEqual(rows, { read: 6, sent: 4, accepted: 2, rejected: 2, discarded: 2, unanswered: 0 });
    assert.deepEqual(
      rejects.map(({ line, errors }) => [line, errors[0]!.code]),
      [
        [2, 'type-error'],
        // The row before it has a key that is taken, but nobody looks at that any more.
        [4, 'constraint-error'],
      ],
    );
  });

  it('merges: the last row of a key wins', async () => {
    const file = await put('merge.ndjson', [job(20_001, 'a'), job(20_002, 'b'), job(20_001, 'c')].join(''));
    const { code, stderr } = await run('jobs', file, '--mode', 'merge', '--batch', '2');
    assert.equal(code, 0, stderr);
    assert.deepEqual(await stack.db.query('select id::int, job from jobs where id > 20000 order by id'), [
      { id: 20_001, job: 'c' },
      { id: 20_002, job: 'b' },
    ]);
  });

  it('ends at a table that there is not, and at a key that is not known', async () => {
    const file = await put('few.ndjson', job(1));
    const none = await run('no such/table', file);
    assert.deepEqual([none.code, /unknown-table/.test(none.stderr)], [1, true], none.stderr);
    const refused = await run('jobs', file, '--key', 'wrong key');
    assert.deepEqual([refused.code, /unauthenticated/.test(refused.stderr)], [4, true], refused.stderr);
  });
});
