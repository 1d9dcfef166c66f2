import type { Field, Table } from '../../src/types.ts';
import type { OwnVerdict, RowError } from './verdict.ts';

/** What a difference may look at: one error that only one side reports, and everything known of its row. */
export interface Disputed {
  readonly side: 'longshore' | 'frictionless';
  readonly error: RowError;
  readonly line: number;
  /** The field that the error names. */
  readonly field: Field | undefined;
  /** That field's cell, as it stands in the file. */
  readonly cell: string | undefined;
  readonly own: readonly RowError[];
  readonly table: Table;
  readonly verdicts: ReadonlyMap<string, OwnVerdict>;
}

export interface Difference {
  readonly id: string;
  /** For docs/frictionless.md. */
  readonly reason: string;
  readonly explains: (disputed: Disputed) => boolean;
}

const TABLE_CODES = new Set(['primary-key', 'unique-error', 'foreign-key']);
const LEXICAL: Readonly<Record<string, RegExp>> = {
  date: /^\d{4}-\d{2}-\d{2}$/,
  datetime: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?$/,
  time: /^\d{2}:\d{2}:\d{2}(?:\.\d+)?$/,
};
const DECIMAL = /^\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$/;

/** Longshore refuses a cell as not of its type, and Frictionless takes it. */
function refusedType(disputed: Disputed, ...types: readonly string[]): boolean {
  const { side, error, field } = disputed;
  return side === 'longshore' && error.code === 'type-error' && types.includes(field?.type ?? '');
}

/** Every way in which Longshore rejects other rows than Frictionless does, or for another reason, on purpose. */
export const DIFFERENCES: readonly Difference[] = [
  {
    id: 'good-rows-only',
    reason:
      'Keys and references are checked among rows that are otherwise good. Frictionless also reports a duplicate ' +
      'key, a null key or a broken reference for a row that has other errors.',
    explains: ({ side, error, own }) =>
      side === 'frictionless' &&
      TABLE_CODES.has(error.code) &&
      own.some(({ code }) => !TABLE_CODES.has(code)),
  },
  {
    id: 'one-table-check-a-row',
    reason:
      'A row that breaks a reference is out, and not looked at for its keys as well; a row whose primary key is ' +
      'taken is not looked at for its unique keys. Frictionless reports all of these.',
    explains: ({ side, error, own }) =>
      side === 'frictionless' &&
      (error.code === 'primary-key' || error.code === 'unique-error') &&
      own.some(({ code }) => code === 'foreign-key' || (code === 'primary-key' && error.code !== code)),
  },
  {
    id: 'rejected-rows-hold-no-key',
    reason:
      'A rejected row is not in the table, so that a later row may have its key. Frictionless counts every row of ' +
      'the file.',
    explains: ({ side, error, table, verdicts }) =>
      side === 'frictionless' &&
      (error.code === 'primary-key' || error.code === 'unique-error') &&
      (verdicts.get(table.name)?.rows.has(error.firstLine ?? 0) ?? false),
  },
  {
    id: 'rejected-rows-are-not-there',
    reason:
      'A reference to a row that was rejected is broken: the row is not in the table. Frictionless looks the ' +
      'reference up in the other file, rejected rows and all.',
    explains: ({ side, error, table, line, verdicts }) =>
      side === 'longshore' && error.code === 'foreign-key' && refersToReject(table, error, line, verdicts),
  },
  {
    id: 'null-in-key',
    reason:
      "A null in any field of the primary key is that field's constraint-error (the standard: equivalent to " +
      '`required: true`). Frictionless only reports a key that is null as a whole, as primary-key.',
    explains: ({ side, error, field, table, cell }) =>
      side === 'longshore' &&
      error.code === 'constraint-error' &&
      field !== undefined &&
      table.primaryKey.includes(field.name) &&
      !field.constraints.required &&
      (cell === undefined || field.missingValues.includes(cell)),
  },
  {
    id: 'match-simple',
    reason:
      'A foreign key of several fields with a null among them refers to nothing (SQL: MATCH SIMPLE). Frictionless ' +
      'only lets keys pass that are null as a whole.',
    explains: ({ side, error, table, line, verdicts }) =>
      side === 'frictionless' &&
      error.code === 'foreign-key' &&
      (error.field ?? '').includes(',') &&
      (error.field ?? '')
        .split(',')
        .some((name) => isNull(table, name, cellOf(verdicts.get(table.name), table, name, line))),
  },
  {
    id: 'unique-keys',
    reason: '`uniqueKeys` (version 2 of the standard) are enforced. Frictionless ignores them.',
    explains: ({ side, error, table }) =>
      side === 'longshore' &&
      error.code === 'unique-error' &&
      table.uniqueKeys.some((key) => key.join(',') === error.field),
  },
  {
    id: 'categories',
    reason: '`categories` (version 2) restrict a field to their values. Frictionless ignores them.',
    explains: ({ side, error, field }) =>
      side === 'longshore' && error.code === 'constraint-error' && /categor/.test(field?.title ?? ''),
  },
  {
    id: 'blank-end',
    reason:
      'Blank lines at the end of a file, as spreadsheets export them, are no rows. Frictionless reports each of them.',
    explains: ({ side, error, table, line, verdicts }) =>
      side === 'frictionless' &&
      error.code === 'blank-row' &&
      [...(verdicts.get(table.name)?.cells.keys() ?? [])].every((last) => last < line),
  },
  {
    id: 'number-spelling',
    reason:
      "Numbers are written as the standard says, in ASCII digits. Frictionless takes whatever Python's int() and " +
      'Decimal() take: 1_000, other scripts’ digits, sNaN, +INF.',
    explains: (disputed) => refusedType(disputed, 'integer', 'number') && !DECIMAL.test(disputed.cell ?? ''),
  },
  {
    id: 'number-range',
    reason:
      'An integer fits in 64 bits and a number in PostgreSQL’s numeric (131072 digits before the point, 16383 after ' +
      'it). Frictionless has no limit.',
    explains: (disputed) =>
      refusedType(disputed, 'integer', 'number') && /outside the range/.test(disputed.error.note ?? ''),
  },
  {
    id: 'integer-group-char',
    reason: '`groupChar` works for integers too (version 2). Frictionless knows it for numbers only.',
    explains: ({ side, error, field, cell }) =>
      side === 'frictionless' &&
      error.code === 'type-error' &&
      field?.type === 'integer' &&
      field.groupChar !== undefined &&
      (cell ?? '').includes(field.groupChar),
  },
  {
    id: 'bare-specials',
    reason:
      'NaN, INF and -INF (or Infinity) are numbers with `bareNumber: false` too. Frictionless strips their letters away.',
    explains: ({ side, error, field, cell }) =>
      side === 'frictionless' &&
      error.code === 'type-error' &&
      field?.bareNumber === false &&
      /^-?(?:nan|inf(?:inity)?)$/i.test((cell ?? '').trim()),
  },
  {
    id: 'date-spelling',
    reason:
      'Default dates, datetimes and times have exactly the form that the standard gives (yyyy-mm-dd; XML Schema’s ' +
      'dateTime; hh:mm:ss without an offset, which PostgreSQL’s time could not keep). Frictionless also takes ' +
      '2024-1-5, a space for the T, a comma in seconds, +0100, and offsets of times.',
    explains: (disputed) =>
      refusedType(disputed, 'date', 'datetime', 'time') &&
      disputed.field?.format === 'default' &&
      !LEXICAL[disputed.field.type]!.test(disputed.cell ?? ''),
  },
  {
    id: 'offset-range',
    reason: 'Offsets reach to 14:00, as in XML Schema. Frictionless takes them up to 23:59.',
    explains: (disputed) =>
      refusedType(disputed, 'datetime') && /[+-](?:1[4-9]|2\d):?[0-5]\d$/.test(disputed.cell ?? ''),
  },
  {
    id: 'any-spelling',
    reason:
      'With `format: any` only the forms listed in docs/dictionary.md are read. Frictionless takes whatever dateutil can ' +
      'guess: "tomorrow’s" weekday, a lone number, a date with its parts left out.',
    explains: (disputed) =>
      refusedType(disputed, 'date', 'datetime', 'time') && disputed.field?.format === 'any',
  },
  {
    id: 'bare-point',
    reason:
      'With `bareNumber: false` a point before the first digit is not stripped from an integer: .5 is no integer. ' +
      'Frictionless makes it 5.',
    explains: (disputed) =>
      refusedType(disputed, 'integer') &&
      disputed.field?.bareNumber === false &&
      /^\D*\.\d/.test(disputed.cell ?? ''),
  },
  {
    id: 'string-formats',
    reason:
      'A uri is RFC 3986, binary is base64 by RFC 4648 with its padding, a uuid has the canonical 8-4-4-4-12 form. ' +
      'Frictionless only asks that a URI has a scheme, skips characters that are no base64, and takes UUIDs in ' +
      'braces or without hyphens.',
    explains: (disputed) =>
      refusedType(disputed, 'string') && ['uri', 'binary', 'uuid'].includes(disputed.field?.format ?? ''),
  },
  {
    id: 'nul',
    reason: 'A NUL character is a type-error: PostgreSQL’s text can not hold one.',
    explains: (disputed) => refusedType(disputed, 'string', 'any') && (disputed.cell ?? '').includes('\0'),
  },
  {
    id: 'whole-match',
    reason:
      'A pattern has to match the whole value (XML Schema), by RE2 in linear time. Frictionless writes ^ before and ' +
      '$ after it: a|bc then matches abc, $ matches before a last line break.',
    explains: ({ side, error, field, cell }) =>
      side === 'longshore' &&
      error.code === 'constraint-error' &&
      field?.constraints.pattern !== undefined &&
      (field.constraints.pattern.includes('|') || (cell ?? '').endsWith('\n')),
  },
  {
    id: 'long-key',
    reason:
      'A text in a key has at most 2600 bytes, shared by the key’s fields: more does not fit in an index.',
    explains: ({ side, error, cell }) =>
      side === 'longshore' && error.code === 'constraint-error' && Buffer.byteLength(cell ?? '') > 2600,
  },
  {
    id: 'stray-quote',
    reason:
      'A quote that is never closed spoils one row, a quote-error. To Frictionless the rest of the file is that ' +
      'row’s last cell.',
    explains: ({ line, table, verdicts }) => {
      const rows = verdicts.get(table.name)?.rows ?? new Map<number, readonly RowError[]>();
      return [...rows].some(
        ([at, errors]) => at <= line && errors.some(({ code }) => code === 'quote-error'),
      );
    },
  },
];

function cellOf(
  verdict: OwnVerdict | undefined,
  table: Table,
  name: string,
  line: number,
): string | undefined {
  const column = verdict?.columns[table.fields.findIndex((field) => field.name === name)] ?? -1;
  return column < 0 ? undefined : verdict?.cells.get(line)?.[column];
}

function isNull(table: Table, name: string, cell: string | undefined): boolean {
  const field = table.fields.find((one) => one.name === name);
  return cell === undefined || (field?.missingValues.includes(cell) ?? false);
}

/** The key is that of a row of the other file that Longshore rejected (compared as text: enough for the cases). */
function refersToReject(
  table: Table,
  error: RowError,
  line: number,
  verdicts: ReadonlyMap<string, OwnVerdict>,
): boolean {
  const key = table.foreignKeys.find(({ fields }) => fields.join(',') === error.field);
  const target = key && verdicts.get(key.reference.table);
  if (!key || !target) return false;
  const wanted = key.fields.map((name) => cellOf(verdicts.get(table.name), table, name, line));
  return [...target.rows.keys()].some((at) =>
    key.reference.fields.every((name, i) => cellOf(target, target.table, name, at) === wanted[i]),
  );
}
