import { z } from 'zod';
import type { LiveReport } from '../../src/reports/ensure-reports.ts';
import type { ReportColumn, ReportState } from '../../src/reports/report.ts';
import { shownColumns } from '../../src/reports/report-request.ts';
import { jobErrorSchema, nextSchema, path } from '../http/schemas.ts';

const includes = z
  .object({ load: z.int().nullable(), group: z.int().nullable() })
  .meta({ description: 'The newest load, and the newest group of batches, that the view holds rows of' });
const asOf = z.iso.datetime().meta({ description: 'When the snapshot was taken that the view shows; UTC' });
const stale = z.boolean().meta({ description: 'Something was written to its tables since' });

const TYPES = [
  'text',
  'integer',
  'bigint',
  'numeric',
  'double precision',
  'boolean',
  'date',
  'time',
  'timestamptz',
] as const satisfies readonly ReportColumn['type'][];

/** A report as the list shows it. */
export const reportSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    description: z.string().nullable(),
    parameters: z.array(
      z.object({
        name: z.string(),
        type: z.enum(['integer', 'string', 'date']),
        minimum: z.number().nullable(),
        maximum: z.number().nullable(),
        description: z.string().nullable(),
      }),
    ),
    columns: z
      .array(z.object({ name: z.string(), type: z.enum(TYPES).meta({ description: "PostgreSQL's type" }) }))
      .meta({ description: 'Of an answer, in their order' }),
    tables: z.array(z.string()).meta({ description: 'The tables that it reads' }),
    refreshSeconds: z.int().min(1).meta({ description: 'Between scheduled refreshes' }),
    state: z.object({
      asOf,
      stale,
      includes,
      version: z.int().min(0).meta({ description: 'Counts refreshes' }),
      rows: z.number().min(0).meta({ description: 'Of the view, for all values of its parameters' }),
      seconds: z.number().min(0).meta({ description: 'What the last refresh took' }),
      failure: z
        .object({ code: jobErrorSchema.shape.code, message: z.string(), since: z.iso.datetime() })
        .nullable()
        .meta({ description: "Why it can't be refreshed at the moment; answers tell what it holds" }),
    }),
    links: z.object({
      self: path.meta({ description: 'Wants the parameters' }),
      svg: path.optional().meta({ description: 'Its chart; wants the parameters' }),
      refresh: path.meta({ description: 'To POST to' }),
    }),
  })
  .meta({ id: 'Report' });
reportSchema.shape.state satisfies z.ZodType<Omit<ReportState, 'name'>>;

/** What one report answers; each has columns of its own. */
export function pageSchema(report: LiveReport) {
  const cells = shownColumns(report).map(({ name, type }) => [name, CELLS[type].nullable()]);
  return z.object({
    name: z.literal(report.name),
    title: z.string(),
    asOf,
    stale,
    includes,
    data: z.array(z.object(Object.fromEntries(cells))),
    page: z.object({
      limit: z.int().min(1),
      offset: z.int().min(0),
      total: z.int().min(0).meta({ description: 'Rows on all pages' }),
      next: nextSchema,
      previous: nextSchema.meta({ description: 'The page before; null on the first one' }),
    }),
  });
}

/** PostgreSQL's NaN and infinities are text: JSON has no such numbers. */
const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
const whole = z.number().meta({ override: { type: 'integer' } });

const CELLS: Readonly<Record<ReportColumn['type'], z.ZodType>> = {
  text: z.string(),
  integer: whole,
  bigint: whole,
  numeric: number,
  'double precision': number,
  boolean: z.boolean(),
  date: z.string(),
  time: z.string(),
  timestamptz: z.string(),
};
