import { z } from 'zod';
import { LongshoreError } from '../../src/errors.ts';
import { valueFault } from '../../src/reports/check-value.ts';
import type { LiveReport } from '../../src/reports/ensure-reports.ts';
import type { ReportColumn, ReportParameter } from '../../src/reports/report.ts';
import { MAX_LIMIT, type ReportRequest, type SortKey } from '../../src/reports/report-request.ts';
import type { ChartRequest } from '../../src/reports/report-service.ts';
import { pageLimit, wholeNumber } from '../http/parameters.ts';

/** Query parameters that are no columns. A column with such a name is part of answers, but can't filter rows. */
const PAGE_WORDS = ['limit', 'offset', 'sort', 'format'];
const CHART_WORDS = ['width', 'height'];

const MAX_OFFSET = 1_000_000_000;
const WIDTH = { minimum: 300, maximum: 2000, standard: 960 };
const HEIGHT = { minimum: 200, maximum: 3000 };

/** Checks `?year=2021&department=Sales&sort=-hired&limit=100`: what the report's columns allow, and nothing else. */
export function pageQuery(report: LiveReport) {
  return queryOf(report, {
    limit: pageLimit(MAX_LIMIT, MAX_LIMIT).describe(`Rows a page (${MAX_LIMIT} when left out)`),
    offset: wholeNumber(0, MAX_OFFSET).optional().meta({ description: 'Rows to skip (none when left out)' }),
    sort: sortSchema(report.columns).optional(),
    format: z.enum(['json', 'csv']).optional().meta({ description: 'Goes before the Accept header' }),
  });
}

export function chartQuery(report: LiveReport) {
  const { minimum, maximum, standard } = WIDTH;
  return queryOf(report, {
    width: pageLimit(standard, maximum)
      .pipe(z.number().min(minimum))
      .meta({
        description: `Pixels (${standard} when left out)`,
        override: { type: 'integer', minimum, maximum, default: standard },
      }),
    height: wholeNumber(HEIGHT.minimum, HEIGHT.maximum)
      .optional()
      .meta({ description: 'Pixels (as high as the bars need when left out)' }),
  });
}

export type PageQuery = z.output<ReturnType<typeof pageQuery>>;
export type ChartQuery = z.output<ReturnType<typeof chartQuery>>;

export function pageRequest(report: LiveReport, query: PageQuery): ReportRequest {
  const { limit, offset = 0, sort = [] } = query;
  return { equals: equalsOf(report, query), sort, limit, offset };
}

export function chartRequest(report: LiveReport, query: ChartQuery): ChartRequest {
  return { equals: equalsOf(report, query), width: query.width, height: query.height ?? null };
}

/** In the order of the columns, parameters first, whatever the order in the address. */
function equalsOf(report: LiveReport, query: Readonly<Record<string, unknown>>): ReportRequest['equals'] {
  return choosingNames(report).flatMap((column) => {
    const value = query[column];
    return typeof value === 'string' ? [{ column, value }] : [];
  });
}

function choosingNames({ parameters, columns }: LiveReport): string[] {
  const words = [...PAGE_WORDS, ...CHART_WORDS];
  const names = [...parameters, ...columns].map(({ name }) => name);
  return [...new Set(names)].filter((name) => !words.includes(name));
}

function queryOf<Shape extends z.core.$ZodLooseShape>(report: LiveReport, words: Shape) {
  const shape = Object.fromEntries(choosingNames(report).map((name) => [name, valueSchema(report, name)]));
  for (const { name } of report.parameters) {
    if (name in shape) continue;
    const what = `parameter ${name}: the queries of reports use this word themselves`;
    throw new LongshoreError('report-invalid', `${report.file}: ${what}`);
  }
  return z.strictObject({ ...shape, ...words }) as unknown as z.ZodObject<Shape>;
}

function valueSchema(report: LiveReport, name: string): z.ZodType {
  const { type } = report.columns.find((column) => column.name === name)!;
  const parameter = report.parameters.find((one) => one.name === name);
  if (parameter === undefined) {
    const description = 'Only rows that have this value';
    return valueText(type, null).optional().meta({ description, override: DOCUMENTED[type] });
  }
  const { minimum, maximum, description } = parameter;
  const documented = {
    ...DOCUMENTED[PARAMETER_TYPES[parameter.type]],
    ...(minimum !== null && { minimum }),
    ...(maximum !== null && { maximum }),
  };
  return valueText(type, parameter).meta({
    ...(description !== null && { description }),
    override: documented,
  });
}

const PARAMETER_TYPES = { integer: 'integer', string: 'text', date: 'date' } as const;

function valueText(type: ReportColumn['type'], parameter: ReportParameter | null) {
  return z
    .string({ error: ({ input }) => (input === undefined ? 'is required' : 'may be given once only') })
    .check(({ value, issues }) => {
      const message = (parameter && parameterFault(parameter, value)) ?? valueFault(type, value);
      if (message !== null) issues.push({ code: 'custom', message, input: value });
    });
}

function parameterFault({ type, minimum, maximum }: ReportParameter, value: string): string | null {
  if (type !== 'integer') return valueFault(PARAMETER_TYPES[type], value);
  const low = minimum ?? Number.MIN_SAFE_INTEGER;
  const high = maximum ?? Number.MAX_SAFE_INTEGER;
  const fits = /^-?[0-9]{1,16}$/.test(value) && Number(value) >= low && Number(value) <= high;
  return fits ? null : `expected a whole number from ${low} to ${high}`;
}

const DOCUMENTED: Readonly<Record<ReportColumn['type'], { type: string; format?: string }>> = {
  text: { type: 'string' },
  integer: { type: 'integer', format: 'int32' },
  bigint: { type: 'integer', format: 'int64' },
  numeric: { type: 'number' },
  'double precision': { type: 'number' },
  boolean: { type: 'boolean' },
  date: { type: 'string', format: 'date' },
  time: { type: 'string' },
  timestamptz: { type: 'string', format: 'date-time' },
};

/** `-hired,department`: descending by the first one, and by the second where that is equal. */
function sortSchema(columns: readonly ReportColumn[]) {
  const names = columns.map(({ name }) => name);
  const one = `-?(?:${names.map((name) => name.replaceAll(/[^\p{L}\p{N}_]/gu, '\\$&')).join('|')})`;
  return z
    .string()
    .transform((text, context): readonly SortKey[] => {
      const keys = text.split(',').map(sortKey);
      const unknown = keys.find(({ column }) => !names.includes(column));
      if (unknown === undefined) return keys;
      context.addIssue(
        `there is no column ${JSON.stringify(unknown.column)}; columns are ${names.join(', ')}`,
      );
      return z.NEVER;
    })
    .meta({
      description: `Columns to sort by, with a comma between, a minus for descending; of: ${names.join(', ')}`,
      override: { type: 'string', pattern: `^${one}(?:,${one})*$` },
    });
}

function sortKey(text: string): SortKey {
  return text.startsWith('-')
    ? { column: text.slice(1), descending: true }
    : { column: text, descending: false };
}
