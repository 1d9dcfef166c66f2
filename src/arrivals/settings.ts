import { z } from 'zod';
import { MAX_REJECTS_EXPECTED, parseMaxRejects } from '../max-rejects.ts';
import { isStorageKey } from '../storage/storage-key.ts';
import { LOAD_MODES } from '../types.ts';
import { ARRIVAL_AFTER, ARRIVAL_ORDERS, ARRIVAL_SOURCES, type ArrivalSettings } from './arrival.ts';
import { PATTERN_MAX, PatternError, parsePattern } from './pattern.ts';
import { RESERVED_FOLDERS } from './places.ts';

/** Validation of what is asked of arrivals. */

const LONGEST_SECONDS = 31 * 86_400;
const PREFIX_MAX = 500;
const MARKER_MAX = 100;
const NAME = '{name}';

/** Letters, digits and single hyphens: it is part of addresses and of workflow IDs. */
export const arrivalIdSchema = z
  .string()
  .max(64)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'expected lower-case letters, digits and single hyphens')
  .meta({ example: 'hires' });

const prefix = z
  .string()
  .max(PREFIX_MAX)
  .superRefine((text, context) => {
    if (!text.endsWith('/') || !isStorageKey(text.slice(0, -1))) {
      context.addIssue('expected a folder of the storage with a slash at its end, such as landing/hires/');
    } else if (text.startsWith('.') || RESERVED_FOLDERS.some((one) => text.startsWith(one))) {
      context.addIssue(`expected none of Longshore's own folders: ${RESERVED_FOLDERS.join(', ')}`);
    }
  })
  .meta({ description: 'Folder of the source, with a slash at its end', example: 'landing/hires/' });

const pattern = z
  .string()
  .max(PATTERN_MAX)
  .superRefine((text, context) => {
    try {
      parsePattern(text);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      context.addIssue(error.message);
    }
  })
  .meta({
    description:
      'Of paths below the prefix: `*` is any characters but a slash, `?` one of them, `**` whole folders, `{table}` a ' +
      "table's name: a folder, or a name up to its first dot",
    example: '{table}/**',
  });

const marker = z
  .string()
  .min(1)
  .max(MARKER_MAX)
  .superRefine((text, context) => {
    if (text.includes('/') || !isStorageKey(text) || text.startsWith('.')) {
      context.addIssue('expected the name of a file, without folders and not hidden');
    } else if (text.split(NAME).length > 2 || text === NAME) {
      context.addIssue(`expected ${NAME} at most once, and more than that`);
    }
  })
  .nullable()
  .meta({
    description:
      'A file that has to be there first: in the folder (`_SUCCESS`), or with `{name}` one for each file (`{name}.ok`). ' +
      'null: none',
  });

const maxRejects = z
  .string()
  .refine((text) => parseMaxRejects(text) !== undefined, MAX_REJECTS_EXPECTED)
  .nullable()
  .meta({ description: 'How many rejects fail a load: `100`, `1.5%`, `none`; null: as configured' });

const character = z.string().max(16);

const dialect = z
  .strictObject({
    delimiter: character.meta({ example: ';' }),
    encoding: z.string().max(64).meta({ example: 'windows-1252' }),
    header: z.boolean(),
    quoteChar: character.nullable(),
    doubleQuote: z.boolean(),
    escapeChar: character.nullable(),
    skipInitialSpace: z.boolean(),
    commentChar: character.nullable(),
  })
  .partial()
  .nullable()
  .meta({
    description:
      'How its files are written in place of what the dictionary says of their table: members of a dialect, and the ' +
      'encoding; null: as the dictionary says',
  });

const settings = {
  source: z.enum(ARRIVAL_SOURCES),
  prefix,
  pattern,
  table: z.string().min(1).nullable().meta({ description: 'null: `{table}` of the pattern says it' }),
  mode: z.enum(LOAD_MODES),
  after: z.enum(ARRIVAL_AFTER).meta({
    description:
      'What becomes of a file that is loaded: it stays, is moved to `done/` below the prefix, or is deleted. Unless ' +
      'files stay, one that fails is moved to `failed/`',
  }),
  order: z.enum(ARRIVAL_ORDERS).meta({ description: 'Which of several files comes first' }),
  maxRejects,
  dialect,
  everySeconds: z.int().min(10).max(LONGEST_SECONDS).meta({ description: 'Between two looks' }),
  stableSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .meta({ description: 'How long size and version have to stay the same before a file is taken' }),
  marker,
  paused: z.boolean(),
};

const given = {
  ...settings,
  source: settings.source.default('storage'),
  table: settings.table.default(null),
  mode: settings.mode.default('append'),
  after: settings.after.default('move'),
  order: settings.order.default('name'),
  maxRejects: settings.maxRejects.default(null),
  dialect: settings.dialect.default(null),
  everySeconds: settings.everySeconds.default(60),
  stableSeconds: settings.stableSeconds.default(5),
  marker: settings.marker.default(null),
  paused: settings.paused.default(false),
};

export const newArrivalSchema = z
  .strictObject({ id: arrivalIdSchema, ...given })
  .superRefine(checkTable)
  .meta({ id: 'NewArrival' });

/** All of it: what is left out is as of a new one. */
export const arrivalSettingsSchema = z
  .strictObject(given)
  .superRefine(checkTable)
  .meta({ id: 'ArrivalSettings' });
arrivalSettingsSchema satisfies z.ZodType<ArrivalSettings>;

export const arrivalChangeSchema = z
  .strictObject(settings)
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'expected at least one member')
  .meta({ id: 'ArrivalChange' });

export type ArrivalChange = z.output<typeof arrivalChangeSchema>;

/** The members as answers have them. */
export const settingsMembers = settings;

/** Either the pattern says the table, or the arrival does. @returns null: so it is */
export function tableFault({ pattern, table }: Pick<ArrivalSettings, 'pattern' | 'table'>): string | null {
  const { hasTable } = parsePattern(pattern);
  if (table === null && !hasTable) return 'expected a table, or {table} in the pattern';
  if (table !== null && hasTable) return 'expected no table beside {table} in the pattern';
  return null;
}

function checkTable(
  asked: Pick<ArrivalSettings, 'pattern' | 'table'>,
  context: z.RefinementCtx<unknown>,
): void {
  const fault = tableFault(asked);
  if (fault !== null)
    context.addIssue({ code: 'custom', message: fault, path: ['table'], input: asked.table });
}
