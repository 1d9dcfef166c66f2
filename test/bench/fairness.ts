import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestPlatform, testPlatform } from '../support/platform.ts';
import { median } from './batch/median.ts';

const UPLOADS = 60;
const ROWS = 40_000;
const SAVED_ROWS = 400_000;
/** How often the client looks after a load that it waits for. */
const POLL_MS = 400;

/**
 * `npm run bench -- fairness [uploads]`: so many uploads to as many tables at once, and beside them what takes moments: a
 * load of one row, a batch, and a backup. Prints how many times longer each takes than alone.
 */
export async function benchFairness([uploads = UPLOADS]: readonly (string | number)[]): Promise<void> {
  const tables = Array.from({ length: Number(uploads) }, (_, n) => `table_${n + 1}`);
  const folder = await mkdtemp(join(tmpdir(), 'longshore-fairness-'));
  const cleanups: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true })];
  try {
    const dictionary = join(folder, 'datapackage.json');
    await writeFile(dictionary, JSON.stringify({ resources: [...tables, 'quick', 'saved'].map(tableOf) }));
    const platform = await testPlatform(
      { after: (action) => void cleanups.push(action) },
      { env: { LONGSHORE_DICTIONARY: dictionary, LONGSHORE_UPLOADS: '1000' } },
    );
    cleanups.push(() => platform.stop());
    await measure(client(platform), tables);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

async function measure(api: ReturnType<typeof client>, tables: readonly string[]): Promise<void> {
  await api.load('saved', csvOf(1, SAVED_ROWS));
  const alone = {
    quick: await middle(5, api.quick),
    batch: await middle(5, api.batch),
    backup: await api.backup(),
  };
  const file = csvOf(1, ROWS);
  const one = await api.load('quick', csvOf(1_000_000, ROWS));
  console.log(
    `${tables.length} uploads of ${ROWS} rows (${(file.length / 2 ** 20).toFixed(1)} MiB) on ${availableParallelism()} cores`,
  );
  console.log(`alone: ${say({ ...alone, answer: one.answeredMs, load: one.endedMs })}`);

  const startedAt = performance.now();
  const loads = tables.map((table) => api.load(table, file));
  let over = false;
  const all = Promise.all(loads).finally(() => {
    over = true;
  });
  const quick: number[] = [];
  const batch: number[] = [];
  const moments = (async () => {
    while (!over) {
      await sleep(500);
      const [load, rows] = await Promise.all([api.quick(), api.batch()]);
      quick.push(load);
      batch.push(rows);
    }
  })();
  const backup = api.backup();
  const ended = await all;
  const lastMs = performance.now() - startedAt;
  await moments;
  const answers = ended.map(({ answeredMs }) => answeredMs);
  const ends = ended.map(({ endedMs }) => endedMs);
  const beside = {
    quick: median(quick),
    batch: median(batch),
    backup: await backup,
    answer: median(answers),
    load: median(ends),
  };
  console.log(
    `beside: ${say(beside)}; the last answer ${seconds(Math.max(...answers))}, the last end ${seconds(lastMs)}`,
  );
  for (const name of ['quick', 'batch', 'backup'] as const) {
    console.log(`${name}: ${(beside[name] / alone[name]).toFixed(1)} times as long as alone`);
  }
  console.log(
    `the slowest quick load: ${(Math.max(...quick) / alone.quick).toFixed(1)} times as long as alone`,
  );
  console.log(
    `the median upload ends after ${((median(ends) / lastMs) * 100).toFixed(0)} % of the whole time`,
  );
}

function client({ apiUrl, adminKey }: TestPlatform) {
  let next = 0;
  const send = async (path: string, type: string, body: string | undefined, prefer: string) => {
    const headers = { 'x-api-key': adminKey, 'content-type': type, prefer };
    const response = await fetch(apiUrl + path, { method: 'POST', headers, body });
    return (await response.json()) as { status: string; links: { self: string } };
  };
  const ended = async (of: { links: { self: string } }, everyMs: number) => {
    for (;;) {
      const response = await fetch(apiUrl + of.links.self, { headers: { 'x-api-key': adminKey } });
      const { status } = (await response.json()) as { status: string };
      if (status === 'done') return;
      if (status === 'failed') throw new Error(`${of.links.self} failed`);
      await sleep(everyMs);
    }
  };
  const timed = async (work: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await work();
    return performance.now() - startedAt;
  };
  return {
    /** The moments from its first byte to its answer, and to its end. */
    async load(table: string, body: string) {
      const startedAt = performance.now();
      const load = await send(`/v1/tables/${table}/loads?force=true`, 'text/csv', body, '');
      const answeredMs = performance.now() - startedAt;
      await ended(load, POLL_MS);
      return { answeredMs, endedMs: performance.now() - startedAt };
    },
    quick: () =>
      timed(async () => {
        const load = await send('/v1/tables/quick/loads?force=true', 'text/csv', csvOf(++next, 1), 'wait=50');
        if (load.status !== 'done') await ended(load, 50);
      }),
    batch: () =>
      timed(() =>
        send('/v1/tables/quick/rows', 'application/json', `[{"id":${2_000_000 + ++next}}]`, 'wait=50'),
      ),
    backup: () =>
      timed(async () =>
        ended(await send('/v1/backups', 'application/json', '{"tables":["saved"]}', ''), 100),
      ),
  };
}

function tableOf(name: string) {
  const fields = [
    { name: 'id', type: 'integer' },
    { name: 'name', type: 'string' },
    { name: 'at', type: 'datetime' },
  ];
  return { name, schema: { fields, primaryKey: 'id' } };
}

function csvOf(from: number, count: number): string {
  const lines = Array.from(
    { length: count },
    (_, n) => `${from + n},Name of number ${from + n},2021-07-27T16:02:08Z\n`,
  );
  return `id,name,at\n${lines.join('')}`;
}

async function middle(times: number, work: () => Promise<number>): Promise<number> {
  const found: number[] = [];
  for (let time = 0; time < times; time++) found.push(await work());
  return median(found);
}

function say(times: Readonly<Record<string, number>>): string {
  return Object.entries(times)
    .map(([name, ms]) => `${name} ${seconds(ms)}`)
    .join(', ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
