import type { JudgeCase } from './verdict.ts';

/** Every property of the dialect is said, since frictionless guesses those that are not. */
const DIALECT = {
  delimiter: ',',
  header: false,
  quoteChar: '"',
  doubleQuote: true,
  skipInitialSpace: false,
  lineTerminator: '\r\n',
};

export interface TablePart {
  readonly name: string;
  readonly fields: readonly object[];
  readonly schema?: object;
  readonly dialect?: object;
  readonly encoding?: string;
  readonly file: Buffer | string;
}

/** A case from its tables; version 2 of the standard throughout. */
export function packageOf(
  name: string,
  tables: readonly TablePart[],
  rejected?: JudgeCase['rejected'],
): JudgeCase {
  const descriptor = {
    $schema: 'https://datapackage.org/profiles/2.0/datapackage.json',
    name: 'judged',
    resources: tables.map((table) => ({
      name: table.name,
      type: 'table',
      path: `${table.name}.csv`,
      format: 'csv',
      mediatype: 'text/csv',
      encoding: table.encoding ?? 'utf-8',
      dialect: { ...DIALECT, ...table.dialect },
      schema: { fields: table.fields, ...table.schema },
    })),
  };
  const files = Object.fromEntries(
    tables.map(({ name: table, file }) => [table, Buffer.isBuffer(file) ? file : Buffer.from(file)]),
  );
  return { name, descriptor, files, rejected };
}

/** CSV text with every cell quoted that needs it. */
export function csv(rows: readonly (readonly string[])[], delimiter = ','): string {
  const quote = (cell: string) =>
    cell.includes(delimiter) || /["\r\n]/.test(cell) || cell === ''
      ? `"${cell.replaceAll('"', '""')}"`
      : cell;
  return rows.map((row) => `${row.map(quote).join(delimiter)}\n`).join('');
}
