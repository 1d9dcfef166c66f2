import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

const REFRESH_SECONDS = 1;
const WRITE_MS = 18_000;

/**
 * A replace brings one of two contents, each in a department of its own with a few hires in another; batches are ten
 * hires in a third one. So departments are never all equal, and one is always above the mean.
 */
const BASES = [
  { department: 'Alpha', id: 1, hires: 600 },
  { department: 'Beta', id: 2, hires: 900 },
] as const;
const FEW = { department: 4, hires: 5 } as const;
const UNIT = 10;

const YEAR = '2021';
const QUARTERS = '/v1/reports/hires-by-quarter';
const ABOVE = '/v1/reports/departments-above-mean';

/** Hires of departments by name, as an answer tells them. */
type Counts = ReadonlyMap<string, number>;

function hire(id: number, department: number) {
  const month = String(1 + (id % 12)).padStart(2, '0');
  return {
    id,
    name: 'Name',
    datetime: `${YEAR}-${month}-05T00:00:00Z`,
    department_id: department,
    job_id: 1 + (id % 7),
  };
}

function contentOf({ id, hires }: (typeof BASES)[number]): string {
  const departments = [...Array(hires).fill(id), ...Array(FEW.hires).fill(FEW.department)];
  return departments.map((department, n) => `${Object.values(hire(n + 1, department)).join(',')}\n`).join('');
}

/** Whether these are the hires of a state that was committed: one base and not the other, and whole batches. */
function checkCommitted(counts: Counts): void {
  const [alpha, beta] = BASES.map(({ department }) => counts.get(department) ?? 0);
  const shown = JSON.stringify([...counts]);
  assert.ok((alpha === 600 && beta === 0) || (alpha === 0 && beta === 900), shown);
  assert.equal((counts.get('Units') ?? 0) % UNIT, 0, shown);
}

/** The same of a part of them: departments above the mean. */
function checkAbove(counts: Counts): void {
  const shown = JSON.stringify([...counts]);
  assert.ok(counts.size > 0, 'there is always a department above the mean');
  assert.ok(!(counts.has('Alpha') && counts.has('Beta')), shown);
  assert.ok([600, undefined].includes(counts.get('Alpha')), shown);
  assert.ok([900, undefined].includes(counts.get('Beta')), shown);
  assert.equal((counts.get('Units') ?? 0) % UNIT, 0, shown);
}

function add(counts: Map<string, number>, department: string, hires: number): void {
  counts.set(department, (counts.get(department) ?? 0) + hires);
}

function countsOfJson(text: string): Counts {
  const { data } = JSON.parse(text) as { data: Record<string, string | number>[] };
  const counts = new Map<string, number>();
  for (const { department, hired, Q1, Q2, Q3, Q4 } of data)
    add(counts, String(department), Number(hired ?? Number(Q1) + Number(Q2) + Number(Q3) + Number(Q4)));
  return counts;
}

function countsOfCsv(text: string): Counts {
  const counts = new Map<string, number>();
  for (const line of text.trim().split('\r\n').slice(1)) {
    const [department = '', , ...quarters] = line.split(',');
    add(
      counts,
      department,
      quarters.reduce((sum, cell) => sum + Number(cell), 0),
    );
  }
  return counts;
}

interface ReadKind {
  readonly path: string;
  /** Whether its answers say which load they include. */
  readonly tells: boolean;
  check(text: string): void;
}

const KINDS: Readonly<Record<string, ReadKind>> = {
  json: {
    tells: true,
    path: `${QUARTERS}?year=${YEAR}`,
    check: (text) => checkCommitted(countsOfJson(text)),
  },
  csv: {
    tells: false,
    path: `${QUARTERS}?year=${YEAR}&format=csv`,
    check: (text) => checkCommitted(countsOfCsv(text)),
  },
  above: { tells: true, path: `${ABOVE}?year=${YEAR}`, check: (text) => checkAbove(countsOfJson(text)) },
  svg: {
    tells: false,
    path: `${QUARTERS}.svg?year=${YEAR}`,
    check: (text) => assert.match(text, />(?:Alpha|Beta)</),
  },
};

describe('reports while their tables are written', async () => {
  const env = {
    LONGSHORE_REFRESH_SECONDS: String(REFRESH_SECONDS),
    LONGSHORE_RATE: '100000',
    LONGSHORE_BURST: '100000',
  };
  const stack = await testStack({ after }, undefined, { env });
  /** Loads by the time at which they were known to be done. */
  const done: { readonly id: number; readonly atMs: number }[] = [];
  let nextId = 1_000_000;

  async function replace(n: number): Promise<void> {
    const query = { mode: 'replace', force: 'true' };
    const { status, body } = await stack.load('hired_employees', contentOf(BASES[n % 2]!), query);
    assert.deepEqual([status, body.status], [201, 'done']);
    done.push({ id: body.id, atMs: performance.now() });
  }

  async function sendUnit(): Promise<void> {
    const rows = Array.from({ length: UNIT }, () => hire(nextId++, 3));
    const { status } = await stack.post('/v1/tables/hired_employees/rows', rows);
    assert.equal(status, 201);
  }

  const nothingSeen = () => ({ answers: 0, known: 0, etags: new Set<string>(), worstMs: 0 });

  async function read(kind: ReadKind, seen: ReturnType<typeof nothingSeen>, goesOn: () => boolean) {
    let etag = '';
    let last = '';
    while (goesOn()) {
      const askedAtMs = performance.now();
      const headers = { 'x-api-key': stack.key, 'if-none-match': etag };
      const response = await fetch(stack.url + kind.path, { headers });
      const text = await response.text();
      if (response.status === 304) seen.known++;
      else {
        assert.equal(response.status, 200, text);
        kind.check(text);
        etag = response.headers.get('etag') ?? '';
        last = text;
      }
      seen.answers++;
      seen.etags.add(etag);
      if (kind.tells) seen.worstMs = Math.max(seen.worstMs, lagOf(last, askedAtMs));
      await sleep(5);
    }
  }

  /** How long the newest load that an answer should tell of had been done when it was asked for, and left out. */
  function lagOf(text: string, askedAtMs: number): number {
    const { includes } = JSON.parse(text) as { includes: { load: number | null } };
    const missing = done.filter(({ id, atMs }) => id > (includes.load ?? 0) && atMs < askedAtMs);
    return Math.max(0, ...missing.map(({ atMs }) => askedAtMs - atMs));
  }

  it('are always whole, of a state that was committed, and follow it', async (t) => {
    await stack.load('departments', '1,Alpha\n2,Beta\n3,Units\n4,Few\n');
    await stack.load('jobs', Array.from({ length: 7 }, (_, n) => `${n + 1},Job ${n + 1}\n`).join(''));
    await replace(0);
    await sendUnit();
    await until(
      async () => (await stack.get(KINDS.above!.path)).body as unknown as { data: [] },
      ({ data }) => data.length > 0,
    );
    await until(
      async () => (await stack.get(KINDS.json!.path)).body as unknown as { data: [] },
      ({ data }) => data.length > 0,
    );

    const endAtMs = performance.now() + WRITE_MS;
    const seen = Object.values(KINDS).map(nothingSeen);
    // For as long as it takes that something goes on, however slow the machine is.
    const tooLittle = () =>
      done.length <= 5 || seen.some(({ known, etags }) => known === 0 || etags.size <= 3);
    const writing = () => performance.now() < endAtMs || tooLittle();
    const writers = [
      (async () => {
        for (let n = 1; writing(); n++) await Promise.all([replace(n), sleep(700)]);
      })(),
      (async () => {
        while (writing()) await Promise.all([sendUnit(), sleep(20)]);
      })(),
    ];
    await Promise.all([...Object.values(KINDS).map((kind, n) => read(kind, seen[n]!, writing)), ...writers]);
    for (const [n, name] of Object.keys(KINDS).entries()) {
      const { answers, known, etags, worstMs } = seen[n]!;
      t.diagnostic(
        `${name}: ${answers} answers, ${known} of them 304, ${etags.size} ETags, ${Math.round(worstMs)} ms late at most`,
      );
    }

    // After the last write, everything shows. How late is told above: it depends on what else the machine does.
    const [{ hires }] = (await stack.db.query('select count(*)::int as hires from hired_employees')) as [
      { hires: number },
    ];
    const total = async () => {
      const response = await fetch(stack.url + KINDS.json!.path, { headers: { 'x-api-key': stack.key } });
      return [...countsOfJson(await response.text()).values()].reduce((sum, count) => sum + count, 0);
    };
    assert.equal(await until(total, (found) => found === hires), hires);
  });
});
