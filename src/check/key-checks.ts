import { DatabaseSync } from 'node:sqlite';
import { quoteText } from '../db/sql-names.ts';
import { keysOf } from '../dictionary/unique-keys.ts';
import { shorten } from '../shorten.ts';
import type { CellError, ForeignKey, LoadMode, RejectCode, Table } from '../types.ts';
import { canonicalValue } from './canonical-value.ts';

/** A message shows a key's value up to so many characters, as those of a load do. */
const SHOWN_LENGTH = 60;
/** Rows between two commits; and what SQLite keeps in memory. */
const ROWS_A_COMMIT = 100_000;
const CACHE_KIB = 64 * 1024;

/** A row that a rule over several rows refuses. */
export interface KeyFault {
  readonly line: number;
  readonly error: CellError;
}

/**
 * Judges keys and references among the rows of given files, as if they were loaded one after the other into empty
 * tables. The rules and their order are those of a load (`src/publish/check-stage.ts`). Keys are kept in a temporary
 * database on the disk, which its end deletes, so that memory stays bounded whatever the size of a file.
 */
export class KeyChecks implements Disposable {
  readonly #db = new DatabaseSync('');
  readonly #tables = new Map<string, TableKeys>();

  constructor() {
    this.#db.exec(`pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -${CACHE_KIB}`);
  }

  /** @returns what takes the rows of a file; null where the table has nothing that involves several rows */
  begin(table: Table, referencedBy: readonly Table[]): FileKeys | null {
    const known = this.#tables.get(table.name);
    if (known === undefined && keysOf(table).length === 0 && table.foreignKeys.length === 0) return null;
    const keys = known ?? new TableKeys(this.#db, table, referencedBy, this.#tables.size);
    this.#tables.set(table.name, keys);
    return new FileKeys(this.#db, keys, this.#tables);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

/** The keys of a table's rows that were taken so far. */
class TableKeys {
  readonly table: Table;
  /** Places of the fields that keys and references have. */
  readonly fields: readonly number[];
  readonly kept: string;
  readonly staged: string;

  constructor(db: DatabaseSync, table: Table, referencedBy: readonly Table[], nth: number) {
    this.table = table;
    this.kept = `kept_${nth}`;
    this.staged = `staged_${nth}`;
    const referenced = referencedBy.flatMap(({ foreignKeys }) =>
      foreignKeys
        .filter(({ reference }) => reference.table === table.name)
        .map((key) => key.reference.fields),
    );
    const keys = keysOf(table).map(({ fields }) => fields);
    const wanted = new Set([...keys, ...referenced, ...table.foreignKeys.map((key) => key.fields)].flat());
    this.fields = table.fields.flatMap(({ name }, at) => (wanted.has(name) ? [at] : []));
    const columns = this.fields.map((at) => `c${at} text`).join(', ');
    db.exec(`create table ${this.kept} (${columns})`);
    for (const [index, key] of [...keys, ...referenced].entries()) {
      db.exec(`create index ${this.kept}_${index} on ${this.kept} (${this.columns(key).join(', ')})`);
    }
  }

  columns(names: readonly string[]): string[] {
    return names.map((name) => `c${this.table.fields.findIndex((field) => field.name === name)}`);
  }
}

/** The rows of one file, until it has ended. */
export class FileKeys {
  readonly #db: DatabaseSync;
  readonly #keys: TableKeys;
  readonly #tables: ReadonlyMap<string, TableKeys>;
  readonly #insert: ReturnType<DatabaseSync['prepare']>;
  #rows = 0;

  constructor(db: DatabaseSync, keys: TableKeys, tables: ReadonlyMap<string, TableKeys>) {
    this.#db = db;
    this.#keys = keys;
    this.#tables = tables;
    const { staged, fields } = keys;
    // A file that could not be read to its end has left its rows.
    if (db.isTransaction) db.exec('commit');
    db.exec(`drop table if exists gone; drop table if exists ${staged}`);
    db.exec(
      `create table ${staged} (line integer primary key, ${fields.map((at) => `c${at} text`).join(', ')})`,
    );
    this.#insert = db.prepare(`insert into ${staged} values (?, ${fields.map(() => '?').join(', ')})`);
    db.exec('begin');
  }

  /** A row that is good by itself. */
  add(line: number, values: readonly (string | null)[]): void {
    const { fields, table } = this.#keys;
    const cells = fields.map((at) => {
      const value = values[at] ?? null;
      return value === null ? null : canonicalValue(table.fields[at]!, value);
    });
    this.#insert.run(line, ...cells);
    if (++this.#rows % ROWS_A_COMMIT === 0) this.#db.exec('commit; begin');
  }

  /**
   * Ends the file: rows at fault leave, the others are taken.
   * @returns each fault; a row has several where it breaks several references
   */
  *end(mode: LoadMode): Generator<KeyFault, void> {
    const { table, kept, staged } = this.#keys;
    const own = table.foreignKeys.filter(({ reference }) => reference.table === table.name);
    this.#db.exec('commit; create table gone (line integer, code text, field text, message text)');
    if (mode === 'replace') this.#db.exec(`delete from ${kept}`);
    for (const [nth, { reference }] of own.entries()) {
      const columns = this.#keys.columns(reference.fields).join(', ');
      this.#db.exec(`create index ${staged}_${nth} on ${staged} (${columns})`);
    }
    for (;;) {
      let left = yield* this.#refuseBroken(own.length > 0);
      for (const { fields, code } of keysOf(table)) {
        this.#findSame(fields, code);
        left += yield* this.#takeOut();
        if (mode !== 'append') continue;
        this.#findTaken(fields, code);
        left += yield* this.#takeOut();
      }
      // A row that left may have been what others refer to.
      if (left === 0 || own.length === 0) break;
    }
    this.#keep(mode);
    this.#db.exec(`drop table gone; drop table ${staged}`);
  }

  *#refuseBroken(repeat: boolean): Generator<KeyFault, number> {
    let total = 0;
    for (;;) {
      for (const key of this.#keys.table.foreignKeys) this.#findBroken(key);
      const left = yield* this.#takeOut();
      total += left;
      if (left === 0 || !repeat) return total;
    }
  }

  #findBroken({ fields, reference }: ForeignKey): void {
    const { table, staged } = this.#keys;
    const target = this.#tables.get(reference.table);
    if (target === undefined) return;
    const from = this.#keys.columns(fields);
    const to = target.columns(reference.fields);
    const same = (of: string) =>
      `exists (select 1 from ${of} t where ${to.map((column, i) => `t.${column} = s.${from[i]}`).join(' and ')})`;
    const there =
      target.table.name === table.name ? `${same(staged)} or ${same(target.kept)}` : same(target.kept);
    this.#fault(
      fields,
      'foreign-key',
      `${quoteText(`no row of "${reference.table}" has `)} || ${shown(from, reference.fields)}`,
      `${staged} s where ${from.map((column) => `s.${column} is not null`).join(' and ')} and not (${there})`,
    );
  }

  #findSame(fields: readonly string[], code: RejectCode): void {
    const columns = this.#keys.columns(fields);
    const rows = `
      (select *, first_value(line) over same as first, row_number() over same as nth from ${this.#keys.staged}
        where ${columns.map((column) => `${column} is not null`).join(' and ')}
       window same as (partition by ${columns.join(', ')} order by line)) s where nth > 1`;
    this.#fault(fields, code, `${shown(columns, fields)} || ' is the same as on line ' || s.first`, rows);
  }

  #findTaken(fields: readonly string[], code: RejectCode): void {
    const columns = this.#keys.columns(fields);
    const same = columns.map((column) => `t.${column} = s.${column}`).join(' and ');
    const { kept, staged } = this.#keys;
    const rows = `${staged} s where exists (select 1 from ${kept} t where ${same})`;
    this.#fault(
      fields,
      code,
      `${shown(columns, fields)} || ' is in the table already, from a file before'`,
      rows,
    );
  }

  #fault(fields: readonly string[], code: RejectCode, message: string, rows: string): void {
    const field = fields.length === 1 ? quoteText(fields[0]!) : 'null';
    this.#db.exec(`insert into gone select s.line, ${quoteText(code)}, ${field}, ${message} from ${rows}`);
  }

  /** @returns how many rows left */
  *#takeOut(): Generator<KeyFault, number> {
    const rows = this.#db.prepare('select line, code, field, message from gone order by line').iterate();
    let left = 0;
    let last = -1;
    for (const row of rows) {
      const { line, code, field, message } = row as {
        readonly line: number;
        readonly code: RejectCode;
        readonly field: string | null;
        readonly message: string;
      };
      if (line !== last) left++;
      last = line;
      yield { line, error: { code, field, message } };
    }
    this.#db.exec(`delete from ${this.#keys.staged} where line in (select line from gone); delete from gone`);
    return left;
  }

  #keep(mode: LoadMode): void {
    const { table, kept, staged, fields } = this.#keys;
    if (mode === 'merge') {
      const same = this.#keys.columns(table.primaryKey).map((column) => `s.${column} = ${kept}.${column}`);
      this.#db.exec(
        `delete from ${kept} where exists (select 1 from ${staged} s where ${same.join(' and ')})`,
      );
    }
    const columns = fields.map((at) => `c${at}`).join(', ');
    this.#db.exec(`insert into ${kept} (${columns}) select ${columns} from ${staged}`);
  }
}

/** SQL of `name value, name value`. */
function shown(columns: readonly string[], names: readonly string[]): string {
  return columns
    .map(
      (column, i) =>
        `${quoteText(`${shorten(names[i]!, SHOWN_LENGTH)} `)} || substr(s.${column}, 1, ${SHOWN_LENGTH})`,
    )
    .join(` || ', ' || `);
}
