import { firstBytesOf, MAX_NAME_BYTES } from '../db/rule-names.ts';
import { withoutEndings } from '../file-endings.ts';

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

/** The name of a file's table: what the file is called, in letters, digits and `_`. */
export function tableNameOf(file: string): string {
  const plain = plainName(file);
  if (plain === '') return 'table';
  return plain.startsWith('pg_') ? `table_${plain}`.slice(0, MAX_NAME_BYTES) : plain;
}

/** Whether anything is left of the file's name that a table's name can have. */
export function canNameTable(file: string): boolean {
  return plainName(file) !== '';
}

function plainName(file: string): string {
  const name = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
  return asciiOf(withoutEndings(name))
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((part) => part !== '')
    .join('_')
    .slice(0, MAX_NAME_BYTES);
}

const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  ø: 'o',
  œ: 'oe',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
};

function asciiOf(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[ßæøœłđðþ]/gi, (letter) => LETTERS[letter.toLowerCase()]!);
}

export function withNumber(name: string, taken: (name: string) => boolean): string {
  if (!taken(name)) return name;
  for (let no = 2; ; no++) {
    const numbered = `${firstBytesOf(name, MAX_NAME_BYTES - 1 - String(no).length)}_${no}`;
    if (!taken(numbered)) return numbered;
  }
}

export interface FieldName {
  readonly name: string;
  /** Why it is not the heading; null: it is. */
  readonly why: string | null;
}

/** Names for fields, each its own also without regard to case; the heading wherever it can be one. */
export function fieldNames(headings: readonly string[]): FieldName[] {
  const all = new Set(headings.map((heading) => heading.trim().toLowerCase()));
  const given = new Set<string>();
  return headings.map((heading, index) => {
    const wanted = heading.trim();
    const { name: fit, why } = fitName(wanted, index);
    const isTaken = (name: string) =>
      given.has(name.toLowerCase()) || (name !== wanted && all.has(name.toLowerCase()));
    const name = withNumber(fit, isTaken);
    given.add(name.toLowerCase());
    if (name === wanted) return { name, why: null };
    return { name, why: why ?? `another column is called ${JSON.stringify(fit)}` };
  });
}

function fitName(heading: string, index: number): { readonly name: string; readonly why: string | null } {
  if (heading === '') return { name: `column_${index + 1}`, why: 'it has no heading' };
  const clean = heading.replaceAll('\0', '').toWellFormed();
  if (clean.startsWith('_')) {
    let start = 0;
    while (clean[start] === '_') start++;
    const rest = firstBytesOf(clean.slice(start), MAX_NAME_BYTES) || `column_${index + 1}`;
    return { name: rest, why: 'names that begin with _ are kept for lineage columns' };
  }
  if (SYSTEM_COLUMNS.has(clean))
    return { name: `${clean}_`, why: 'PostgreSQL has a column of that name of its own' };
  const name = firstBytesOf(clean, MAX_NAME_BYTES);
  return { name, why: name === heading ? null : 'it is longer than a name can be' };
}
