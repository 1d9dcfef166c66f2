import type { Sql } from '../db/sql.ts';
import { quoteName, REPORT_SCHEMA } from '../db/sql-names.ts';
import { type ColumnType, POSTGRES_TYPES } from '../rows/column-type.ts';
import type { Report, ReportColumn, ReportParameter } from './report.ts';
import { type ReportFault, reportInvalid } from './report-faults.ts';
import { type HeaderWord, readHeader } from './report-header.ts';

/** A type name for each column type, as `format_type` writes it. */
const TYPES: ReadonlyMap<string, ReportColumn['type']> = new Map([
  ...(Object.entries(POSTGRES_TYPES) as [ColumnType, string][]).map(
    ([type, name]): [string, ReportColumn['type']] => [name, type],
  ),
  ['double precision', 'double precision'],
]);
const NUMBERS: readonly ReportColumn['type'][] = ['integer', 'bigint', 'numeric', 'double precision'];
const TYPES_OF_PARAMETER: Readonly<Record<ReportParameter['type'], readonly ReportColumn['type'][]>> = {
  integer: ['integer', 'bigint', 'numeric'],
  string: ['text'],
  date: ['date'],
};

/**
 * The columns of a report's view as PostgreSQL has them.
 * @param view its name within the schema of reports
 * @throws LongshoreError `report-invalid`: a type that no answer can show, a name of the header that is no column
 */
export async function columnsOfReport(
  db: Sql,
  report: Report,
  view: string,
): Promise<readonly ReportColumn[]> {
  const found = await db.query<{ name: string; type: string }>(
    `select attname::text as name, format_type(atttypid, null) as type from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [quoteName(REPORT_SCHEMA, view)],
  );
  const faults: ReportFault[] = [];
  const columns = found.flatMap(({ name, type }): ReportColumn[] => {
    const known = TYPES.get(type);
    if (known !== undefined) return [{ name, type: known }];
    const detail = `column "${name}" is of type ${type}: cast it to one of ${[...TYPES.values()].join(', ')}`;
    faults.push({ line: null, detail });
    return [];
  });
  // A column that is at fault already is not also called unknown.
  const names = found.map(({ name }) => name);
  faults.push(...unknownNames(report, names), ...wrongTypes(report, columns));
  if (faults.length > 0) throw reportInvalid(report.file, faults);
  return columns;
}

function unknownNames(report: Report, names: readonly string[]): ReportFault[] {
  const { parameters, key, hidden, order, chart } = report;
  const used: readonly (readonly [HeaderWord, readonly string[]])[] = [
    ['parameter', parameters.map(({ name }) => name)],
    ['key', key],
    ['hidden', hidden],
    ['order', order.map(({ column }) => column)],
    ['chart', chart === null ? [] : [chart.category, ...chart.values]],
  ];
  return used.flatMap(([word, wanted]) =>
    wanted
      .filter((name) => !names.includes(name))
      .map((name) => ({
        line: lineOf(report, word, name),
        detail: `"${word}": the SELECT has no column "${name}", only ${names.join(', ')}`,
      })),
  );
}

function wrongTypes(report: Report, columns: readonly ReportColumn[]): ReportFault[] {
  const typeOf = (column: string) => columns.find(({ name }) => name === column)?.type;
  const faults: ReportFault[] = [];
  for (const { name, type } of report.parameters) {
    const found = typeOf(name);
    if (found === undefined || TYPES_OF_PARAMETER[type].includes(found)) continue;
    const detail = `"parameter": "${name}" is to be ${type}, and the column is ${found}`;
    faults.push({ line: lineOf(report, 'parameter', name), detail });
  }
  for (const name of report.chart?.values ?? []) {
    const found = typeOf(name);
    if (found === undefined || NUMBERS.includes(found)) continue;
    const detail = `"chart": the values of a chart are numbers, and "${name}" is ${found}`;
    faults.push({ line: lineOf(report, 'chart', name), detail });
  }
  return faults;
}

function lineOf({ sql }: Report, word: HeaderWord, name: string): number | null {
  const lines = readHeader(sql).lines.filter((entry) => entry.word === word);
  const naming = lines.find(({ value }) => value.split(/[\s,]+/).includes(name));
  return (naming ?? lines[0])?.line ?? null;
}
