import type { LoadMode } from '../../src/types.ts';

/** The rules of sets of rows said once more, as plainly as can be, over arrays: what loads and batches are held against. */

export type Value = number | string | null;
/** A row of a merge may leave fields out. */
export type ModelRow = Readonly<Record<string, Value>>;

export interface ModelKey {
  readonly fields: readonly string[];
  readonly code: string;
}

export interface ModelTable {
  readonly fields: readonly string[];
  readonly required: readonly string[];
  readonly primaryKey: string;
  readonly uniqueKeys: readonly (readonly string[])[];
  /** `to`: null where it is the table itself. */
  readonly references: readonly {
    readonly field: string;
    readonly to: readonly Value[] | null;
    readonly key: string;
  }[];
  /** Values of `key` that rows of another table refer to. */
  readonly referredTo: readonly { readonly key: string; readonly values: readonly Value[] }[];
}

/** Line, code and field of each error of a reject. */
export type ModelFault = [line: number, code: string, field: string | null];

interface Staged {
  readonly line: number;
  readonly row: ModelRow;
}

export class MergeModel {
  readonly #table: ModelTable;
  rows: readonly ModelRow[] = [];

  constructor(table: ModelTable) {
    this.#table = table;
  }

  /**
   * @param lines of the rows; nothing of a strict arrival goes in when a row is rejected
   * @returns null when it is refused as a whole
   */
  apply(
    mode: LoadMode,
    rows: readonly ModelRow[],
    lines: readonly number[],
    strict: boolean,
  ): ModelFault[] | null {
    const arrival = new Arrival(this.#table, this.rows, mode, rows, lines);
    arrival.check();
    if (strict && arrival.faults.length > 0) return arrival.faults;
    const after = arrival.after();
    if (mode === 'replace') {
      if (rows.length > 0 && arrival.staying.length === 0) return null;
      const gone = this.#table.referredTo.some(({ key, values }) =>
        values.some((value) => !after.some((row) => row[key] === value)),
      );
      if (gone) return null;
    }
    this.rows = after;
    return arrival.faults;
  }
}

class Arrival {
  readonly faults: ModelFault[] = [];
  staying: Staged[];
  readonly #table: ModelTable;
  readonly #live: readonly ModelRow[];
  readonly #mode: LoadMode;

  constructor(
    table: ModelTable,
    live: readonly ModelRow[],
    mode: LoadMode,
    rows: readonly ModelRow[],
    lines: readonly number[],
  ) {
    this.#table = table;
    this.#live = live;
    this.#mode = mode;
    this.staying = rows.map((row, i) => ({ row, line: lines[i]! }));
    if (mode === 'merge') this.#complete();
  }

  /** What a row leaves out it has from the table; a new one has null there, or is no row. */
  #complete(): void {
    const { primaryKey: id, fields, required } = this.#table;
    const old = (row: ModelRow) => this.#live.find((other) => other[id] === row[id]);
    this.#reject(({ row }) =>
      required
        .filter((name) => !old(row) && row[name] === undefined)
        .map((name) => ['constraint-error', name]),
    );
    this.staying = this.staying.map(({ line, row }) => {
      const values = fields.map((name) => [
        name,
        row[name] === undefined ? (old(row)?.[name] ?? null) : row[name],
      ]);
      return { line, row: Object.fromEntries(values) as ModelRow };
    });
  }

  /** The table as it would be with the rows that stay. */
  after(): ModelRow[] {
    const rows = this.staying.map(({ row }) => row);
    return this.#mode === 'replace' ? rows : [...this.#unchanged(), ...rows];
  }

  /** Rows of the table that no row that stays changes. */
  #unchanged(): ModelRow[] {
    const id = this.#table.primaryKey;
    if (this.#mode === 'append') return [...this.#live];
    return this.#live.filter((row) => !this.staying.some((one) => one.row[id] === row[id]));
  }

  check(): void {
    for (;;) {
      const before = this.staying.length;
      while (this.#rejectBroken() > 0);
      this.#rejectKeys();
      if (this.#mode === 'merge') this.#rejectReferredTo();
      if (this.staying.length === before) return;
    }
  }

  #reject(codesOf: (one: Staged) => [code: string, field: string | null][]): number {
    const found = this.staying
      .map((one) => [one, codesOf(one)] as const)
      .filter(([, codes]) => codes.length > 0);
    for (const [{ line }, codes] of found) {
      for (const [code, field] of codes) this.faults.push([line, code, field]);
    }
    const gone = new Set(found.map(([one]) => one));
    this.staying = this.staying.filter((one) => !gone.has(one));
    return found.length;
  }

  #rejectBroken(): number {
    const { references } = this.#table;
    const there = this.after();
    return this.#reject(({ row }) =>
      references
        .filter(({ field, to, key }) => {
          const values = to ?? there.map((other) => other[key]!);
          return row[field] !== null && !values.includes(row[field]!);
        })
        .map(({ field }) => ['foreign-key', field]),
    );
  }

  #rejectKeys(): void {
    const { primaryKey, uniqueKeys } = this.#table;
    const keys: ModelKey[] = [
      { fields: [primaryKey], code: 'primary-key' },
      ...uniqueKeys.map((fields) => ({ fields, code: 'unique-error' })),
    ];
    for (const [nth, key] of keys.entries()) {
      const told: [string, string | null] = [key.code, fieldOf(key)];
      const all = [...this.staying];
      this.#reject((one) =>
        all.some((other) => other.line < one.line && agree(key, other.row, one.row)) ? [told] : [],
      );
      if (this.#mode === 'append') {
        this.#reject(({ row }) => (this.#live.some((other) => agree(key, other, row)) ? [told] : []));
      }
      if (this.#mode === 'merge' && nth > 0) this.#rejectHeld(keys.slice(1, nth + 1));
    }
  }

  /** Whoever falls lets the row of the table be that it would have changed: until no one falls any more. */
  #rejectHeld(keys: readonly ModelKey[]): void {
    const fallen = new Set<Staged>();
    const held = ({ row }: Staged) => {
      const id = this.#table.primaryKey;
      const unchanged = this.#live.filter(
        (other) => !this.staying.some((one) => !fallen.has(one) && one.row[id] === other[id]),
      );
      return keys.filter((key) => unchanged.some((other) => other[id] !== row[id] && agree(key, other, row)));
    };
    for (;;) {
      const next = this.staying.filter((one) => !fallen.has(one) && held(one).length > 0);
      if (next.length === 0) break;
      for (const one of next) fallen.add(one);
    }
    this.#reject((one) => (fallen.has(one) ? held(one).map((key) => [key.code, fieldOf(key)]) : []));
  }

  #rejectReferredTo(): void {
    const { primaryKey: id, references, referredTo } = this.#table;
    const there = this.after();
    const unchanged = this.#unchanged();
    const watched = [
      ...referredTo,
      ...references
        .filter(({ to, key }) => to === null && key !== id)
        .map(({ field, key }) => ({ key, values: unchanged.map((row) => row[field]!) })),
    ];
    this.#reject(({ row }) => {
      const old = this.#live.find((other) => other[id] === row[id]);
      if (!old) return [];
      return watched
        .filter(({ key, values }) => {
          const value = old[key]!;
          if (value === null || value === row[key] || !values.includes(value)) return false;
          return !there.some((other) => other[key] === value);
        })
        .map(({ key }) => ['foreign-key', key]);
    });
  }
}

function agree({ fields }: ModelKey, a: ModelRow, b: ModelRow): boolean {
  return fields.every((field) => a[field] !== null && a[field] === b[field]);
}

function fieldOf({ fields }: ModelKey): string | null {
  return fields.length === 1 ? fields[0]! : null;
}
