import type { Table } from '../types.ts';
import { hashed } from './column.ts';
import type { DistinctKeys } from './distinct-keys.ts';
import { hashCells } from './pair-keys.ts';
import type { RecordSplitter } from './split-record.ts';

/** A key of one of the files' tables, or of a table that is there. */
export interface Referable {
  readonly table: string;
  readonly fields: readonly { readonly name: string; readonly type: string }[];
  /** null: the table is there already, and is asked. */
  readonly keys: DistinctKeys | null;
}

export interface ReferenceField {
  readonly name: string;
  readonly type: string;
  /** Of its cell in a record. */
  readonly place: number;
  /** No value is one that is not of the type. */
  readonly exact: boolean;
  readonly missing: readonly string[];
}

/** Fields that may refer to a key, and how many of their rows do. */
export class ReferenceTrial {
  rows = 0;
  outside = 0;
  readonly examples: string[] = [];
  /** Values to ask for, of a table that is there; a sample where they are very many. */
  readonly asked = new Set<string>();
  isSample = false;
  readonly fields: readonly ReferenceField[];
  readonly to: Referable;

  constructor(fields: readonly ReferenceField[], to: Referable) {
    this.fields = fields;
    this.to = to;
  }

  add(cells: RecordSplitter, decode: (bytes: Uint8Array) => string): void {
    for (const { place, missing } of this.fields) {
      const [start, end] = [cells.starts[place]!, cells.ends[place]!];
      if (start === end) return;
      if (
        missing.length > 0 &&
        end - start < 24 &&
        missing.includes(decode(cells.bytes.subarray(start, end)))
      )
        return;
    }
    this.rows++;
    const { keys } = this.to;
    if (keys === null) {
      this.#ask(cells, decode);
      return;
    }
    const low = hashCells(
      cells,
      this.fields.map(({ place }) => place),
    );
    if (!keys.isLookedAt(low) || keys.has(low, hashed.high)) return;
    this.outside++;
    if (this.examples.length < 3) this.examples.push(this.#text(cells, decode));
  }

  #ask(cells: RecordSplitter, decode: (bytes: Uint8Array) => string): void {
    if (this.asked.size < MOST_ASKED) this.asked.add(this.#text(cells, decode));
    else this.isSample = true;
  }

  #text({ bytes, starts, ends }: RecordSplitter, decode: (bytes: Uint8Array) => string): string {
    return this.fields
      .map(({ place }) => decode(bytes.subarray(starts[place]!, ends[place]!)).trim())
      .join(', ');
  }
}

/** Different values of one field that a table that is there is asked for. */
const MOST_ASKED = 10_000;
/** Fields of these names are in every table: alone they refer to none. */
const EVERYWHERE: ReadonlySet<string> = new Set([
  'id',
  'name',
  'code',
  'key',
  'no',
  'nr',
  'number',
  'nummer',
  'date',
  'type',
  'status',
  'title',
  'value',
  'email',
  'year',
  'index',
  'position',
  'line',
]);
const SUFFIX = /(?:id|ids|no|nr|num|number|nummer|key|code|ref|fk|uuid)$/;
/** Of the same table: whose names say that they lead upwards. */
const UPWARDS =
  /^(?:parent|manager|supervisor|boss|reportsto|reports|superior|vorgesetzter|ancestor|predecessor|previous)/;

/** Which fields of a table may refer to which keys, by their names and types. */
export function referenceTrials(
  table: string,
  fields: readonly ReferenceField[],
  primaryKey: readonly string[],
  keys: readonly Referable[],
): ReferenceTrial[] {
  const trials: ReferenceTrial[] = [];
  for (const key of keys) {
    const own = key.table === table;
    if (key.fields.length > 1) {
      const found = key.fields.map(({ name, type }) =>
        fields.find((field) => bare(field.name) === bare(name) && field.type === type && field.exact),
      );
      if (!own && found.every((field) => field !== undefined)) trials.push(new ReferenceTrial(found, key));
      continue;
    }
    const [target] = key.fields;
    for (const field of fields) {
      if (!field.exact || field.type !== target!.type) continue;
      if (
        own
          ? field.name !== target!.name && isUpwards(field.name, target!.name)
          : refers(field.name, key.table, target!.name)
      ) {
        // What identifies a row is not what it refers to, but for rows that go on with those of another table.
        if (
          !own &&
          primaryKey.length === 1 &&
          primaryKey[0] === field.name &&
          EVERYWHERE.has(bare(field.name))
        )
          continue;
        trials.push(new ReferenceTrial([field], key));
      }
    }
  }
  return trials;
}

/** `customer_id`, `customerNo` and `customer` refer to `customers`; `isbn` to whatever has it as its key. */
function refers(name: string, table: string, key: string): boolean {
  const plain = bare(name);
  if (plain === bare(key) && !EVERYWHERE.has(plain)) return true;
  const stem = plain.replace(SUFFIX, '');
  if (stem === '') return false;
  const words = table
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  const names = [words.join(''), words.at(-1) ?? ''].flatMap((word) => [word, singular(word)]);
  return names.includes(stem) || names.includes(plain);
}

function isUpwards(name: string, key: string): boolean {
  const plain = bare(name);
  return UPWARDS.test(plain) && (plain.endsWith(bare(key)) || SUFFIX.test(plain) || UPWARDS.test(plain));
}

function singular(word: string): string {
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (/(?:ss|x|ch|sh)es$/.test(word)) return word.slice(0, -2);
  return word.endsWith('s') ? word.slice(0, -1) : word;
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** The keys that other tables may refer to: primary keys and unique fields. */
export function referableKeys(table: Table): Referable[] {
  const typed = (names: readonly string[]) =>
    names.map((name) => ({ name, type: table.fields.find((field) => field.name === name)!.type }));
  const keys = [table.primaryKey, ...table.uniqueKeys].filter((key) => key.length > 0);
  for (const { name, constraints } of table.fields) if (constraints.unique) keys.push([name]);
  return keys.map((names) => ({ table: table.name, fields: typed(names), keys: null }));
}
