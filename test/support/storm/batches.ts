import type { Random } from '../../../src/sample/random.ts';
import type { RejectCode } from '../../../src/types.ts';

export const DEPARTMENTS = 12;
export const JOBS = 50;

/** Cells by field, as text; an integer is written as a JSON number. */
export type Cells = Readonly<Record<string, string>>;

export interface StormRow {
  readonly cells: Cells;
  /** Why it has to be rejected; null: it is good. */
  readonly fault: RejectCode | null;
}

/** A batch, and all that its outcome has to be. */
export interface StormBatch {
  readonly table: 'hired_employees' | 'jobs';
  readonly mode: 'append' | 'merge';
  readonly strict: boolean;
  /** null: sent once, whatever comes of it. */
  readonly key: string | null;
  /** Sent twice at the same moment. */
  readonly twin: boolean;
  /** Asked for without waiting. */
  readonly async: boolean;
  readonly rows: readonly StormRow[];
  readonly contentType: string;
  readonly body: string;
}

const FORMATS = ['application/json', 'application/x-ndjson', 'text/csv'] as const;
const TEXTS = [
  'Ann',
  'Bö "B" B',
  "O'Neil, X",
  'tab\there',
  'back\\slash',
  'two\nlines',
  '日本 🚢',
  '\\N',
  "'); --",
];
const INTEGERS: ReadonlySet<string> = new Set(['id', 'department_id', 'job_id']);
/** Each client has IDs of its own, so that what becomes of a batch hangs on no other client. */
const IDS_A_CLIENT = 10_000_000;
const MERGED_KEYS = 400;
const REMEMBERED = 200;

/** Makes one client's batches. Which rows are duplicates depends on what was acknowledged, so that is told back. */
export class StormGenerator {
  readonly #random: Random;
  readonly #client: number;
  #nextId: number;
  #count = 0;
  /** IDs that are surely in the table. */
  readonly #acknowledged: string[] = [];

  constructor(random: Random, client: number) {
    this.#random = random;
    this.#client = client;
    this.#nextId = (client + 1) * IDS_A_CLIENT;
  }

  acknowledge(ids: readonly string[]): void {
    this.#acknowledged.push(...ids.slice(0, REMEMBERED));
    if (this.#acknowledged.length > REMEMBERED) this.#acknowledged.splice(0, ids.length);
  }

  next(): StormBatch {
    const random = this.#random;
    this.#count += 1;
    const kind = random.below(100);
    if (kind < 30) return this.#append(this.#good(1));
    if (kind < 50) return this.#append(this.#good(2 + random.below(30)));
    if (kind < 54) return this.#append(this.#good(1000));
    if (kind < 64) return this.#append(this.#spoiled(3 + random.below(20)));
    if (kind < 74) return this.#append(this.#spoiled(3 + random.below(20)), { strict: true });
    if (kind < 80) return this.#append(this.#good(1 + random.below(10)), { strict: true });
    return this.#merge(1 + random.below(40));
  }

  #append(rows: readonly StormRow[], change: Partial<StormBatch> = {}): StormBatch {
    const key = this.#random.chance(0.12) ? null : this.#key();
    return this.#finish({ table: 'hired_employees', mode: 'append', key, rows, ...change });
  }

  #merge(count: number): StormBatch {
    const seen = new Set<string>();
    const rows = Array.from({ length: count }, (): StormRow => {
      const id = String((this.#client + 1) * IDS_A_CLIENT + this.#random.below(MERGED_KEYS));
      const job = this.#random.chance(0.1) ? '' : `${this.#text()} ${this.#count}`;
      if (job === '') return { cells: { id, job }, fault: 'constraint-error' };
      const fault = seen.has(id) ? 'primary-key' : null;
      seen.add(id);
      return { cells: { id, job }, fault };
    });
    // Without its key, the value after a merge that got no answer would not be known.
    const strict = this.#random.chance(0.2);
    return this.#finish({ table: 'jobs', mode: 'merge', key: this.#key(), rows, strict });
  }

  #finish(batch: Pick<StormBatch, 'table' | 'mode' | 'key' | 'rows'> & Partial<StormBatch>): StormBatch {
    const contentType = FORMATS[this.#random.below(FORMATS.length)]!;
    const keyed = batch.key !== null;
    return {
      strict: false,
      twin: keyed && this.#random.chance(0.05),
      async: keyed && this.#random.chance(0.05),
      contentType,
      body: bodyOf(batch.rows, contentType),
      ...batch,
    };
  }

  #key(): string {
    return `"storm-${this.#client}-${this.#count}"`;
  }

  #good(count: number): StormRow[] {
    return Array.from({ length: count }, () => ({ cells: this.#hire(), fault: null }));
  }

  /** Good rows, and about a third with one fault each: of a cell, of a key, of a reference. */
  #spoiled(count: number): StormRow[] {
    const rows: StormRow[] = this.#good(1);
    while (rows.length < count) {
      const cells = this.#hire();
      rows.push(this.#random.chance(0.35) ? this.#spoil(cells, rows) : { cells, fault: null });
    }
    return rows;
  }

  #spoil(cells: Cells, before: readonly StormRow[]): StormRow {
    switch (this.#random.below(6)) {
      case 0:
        return { cells: { ...cells, name: '' }, fault: 'constraint-error' };
      case 1:
        return { cells: { ...cells, datetime: '2021-02-30T00:00:00Z' }, fault: 'type-error' };
      case 2:
        return { cells: { ...cells, job_id: '999999' }, fault: 'foreign-key' };
      case 3:
        return { cells: { ...cells, department_id: '0' }, fault: 'foreign-key' };
      case 4:
        return { cells: { ...cells, id: before[0]!.cells.id! }, fault: 'primary-key' };
      default: {
        const id = this.#acknowledged[this.#random.below(Math.max(1, this.#acknowledged.length))];
        return id === undefined ? { cells, fault: null } : { cells: { ...cells, id }, fault: 'primary-key' };
      }
    }
  }

  #hire(): Cells {
    const two = (value: number) => String(value).padStart(2, '0');
    const { below } = this.#random;
    this.#nextId += 1;
    return {
      id: String(this.#nextId),
      name: `${this.#text()} ${this.#nextId}`,
      datetime: `20${two(below(30))}-${two(1 + below(12))}-${two(1 + below(28))}T${two(below(24))}:${two(below(60))}:${two(below(60))}Z`,
      department_id: String(1 + below(DEPARTMENTS)),
      job_id: String(1 + below(JOBS)),
    };
  }

  #text(): string {
    return TEXTS[this.#random.below(TEXTS.length)]!;
  }
}

function bodyOf(rows: readonly StormRow[], contentType: (typeof FORMATS)[number]): string {
  if (contentType === 'text/csv') return rows.map(({ cells }) => csvLine(cells)).join('');
  const objects = rows.map(({ cells }) => jsonObject(cells));
  return contentType === 'application/json' ? `[${objects.join(',')}]` : `${objects.join('\n')}\n`;
}

function jsonObject(cells: Cells): string {
  const members = Object.entries(cells).map(
    ([name, cell]) => `"${name}":${INTEGERS.has(name) ? cell : JSON.stringify(cell)}`,
  );
  return `{${members.join()}}`;
}

function csvLine(cells: Cells): string {
  const quoted = Object.values(cells).map((cell) => (cell === '' ? '' : `"${cell.replaceAll('"', '""')}"`));
  return `${quoted.join()}\n`;
}
