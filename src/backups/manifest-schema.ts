import { z } from 'zod';
import { addChecksums, EMPTY_CHECKSUM } from '../avro/checksum.ts';
import { CODECS } from '../avro/codec.ts';
import { avroSchemaOf } from '../avro/schema.ts';
import { compileTable } from '../rows/compile-table.ts';
import { checkBySchema } from '../schema-words.ts';
import type { Table } from '../types.ts';
import type { Manifest, ManifestTable } from './backup.ts';
import { BACKUP_ID } from './backup-id.ts';
import { MAC_ALGORITHM } from './manifest-mac.ts';

/**
 * The schema of a manifest. Anyone with access to the storage can write anything there, so nothing of a manifest is used
 * before it has passed here: names can't escape their folder, and definitions are valid in a dictionary.
 */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const hex = z.string().regex(/^[0-9a-f]{16}$/);
const count = z.int().min(0);
/** Excludes characters that PostgreSQL can't store as text. */
const name = z
  .string()
  .max(1000)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'not a text that can be stored');
const names = z.array(name);

const partSchema = z.strictObject({
  // A single segment of an object key, so that a manifest can't point out of its own folder.
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/),
  rows: count,
  bytes: count,
  sha256,
  checksum: hex,
});

const FIELD_TYPES = ['string', 'integer', 'number', 'boolean', 'date', 'datetime', 'time', 'any'] as const;

/** Loose: a definition may have members that only other versions know. */
const tableSchema = z.looseObject({
  name: name.min(1),
  fields: z
    .array(
      z.looseObject({
        name: name.min(1),
        type: z.enum(FIELD_TYPES),
        format: name,
        constraints: z.looseObject({}),
        missingValues: names,
      }),
    )
    .min(1),
  fieldsMatch: z.enum(['exact', 'equal', 'subset', 'superset', 'partial']),
  primaryKey: names,
  uniqueKeys: z.array(names),
  foreignKeys: z.array(
    z.looseObject({ fields: names, reference: z.looseObject({ table: name, fields: names }) }),
  ),
  dialect: z.looseObject({}),
  encoding: name,
});

const schema: z.ZodType<Manifest> = z.strictObject({
  format: z.literal(1),
  id: z.string().regex(BACKUP_ID),
  origin: z.uuid().optional(),
  purpose: z.enum(['manual', 'schedule', 'safety']),
  scheduleId: name.nullable(),
  // As `toISOString` writes it.
  snapshotAt: z
    .string()
    .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/)
    .refine((text) => Date.parse(text) > 0, 'not a moment after 1970'),
  dictionary: z.strictObject({ name, version: name }),
  codec: z.enum(CODECS),
  encryption: z.strictObject({ cipher: z.literal('AES-256-GCM'), keyId: hex }).nullable(),
  lastGroupId: count.nullable().optional(),
  tables: z
    .array(
      z.strictObject({
        table: name,
        definition: z.custom<Table>(
          (table) => tableSchema.safeParse(table).success,
          'not the definition of a table',
        ),
        rows: count,
        checksum: hex,
        lastLoadId: count.nullable(),
        parts: z.array(partSchema),
      }),
    )
    .min(1),
  mac: z.strictObject({ algorithm: z.literal(MAC_ALGORITHM), keyId: hex, value: sha256 }).optional(),
});

/**
 * Checks an untrusted manifest's definitions, whose bounds, patterns and values of constraints may be invalid.
 * @returns the first table whose definition is unusable; null: there is none
 */
export function unworkableTable({ tables }: Pick<Manifest, 'tables'>): string | null {
  for (const { table, definition } of tables) {
    try {
      avroSchemaOf(definition);
      compileTable(definition);
    } catch {
      return table;
    }
  }
  return null;
}

export type ParsedManifest =
  | { readonly manifest: Manifest }
  /** `emptied`: it holds less than any backup does. */
  | { readonly manifest: null; readonly emptied: boolean; readonly fault: string };

/** Parses the bytes of a manifest. */
export function parseManifest(bytes: Buffer): ParsedManifest {
  if (bytes.length === 0) return { manifest: null, emptied: true, fault: 'it is an empty file' };
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { manifest: null, emptied: false, fault: 'it is not JSON' };
  }
  const emptied = emptiness(json);
  if (emptied !== null) return { manifest: null, emptied: true, fault: emptied };
  const parsed = checkBySchema(schema, json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { manifest: null, emptied: false, fault: `${issue?.path.join('.')}: ${issue?.message}` };
  }
  const wrong = parsed.data.tables.map(sumFault).find((fault) => fault !== null);
  return wrong ? { manifest: null, emptied: false, fault: wrong } : { manifest: parsed.data };
}

/** Each table of a backup has at least one part, even an empty table. */
function emptiness(json: unknown): string | null {
  const tables = (json as { tables?: unknown } | null)?.tables;
  if (!Array.isArray(tables)) return null;
  if (tables.length === 0) return 'it names no table';
  const bare = tables.find((one) => Array.isArray(one?.parts) && one.parts.length === 0);
  return bare === undefined ? null : 'it names a table without a part';
}

function sumFault({ table, definition, rows, checksum, parts }: ManifestTable): string | null {
  const shown = JSON.stringify(table);
  if (definition.name !== table) return `the definition of ${shown} is of another table`;
  if (parts.reduce((sum, part) => sum + part.rows, 0) !== rows)
    return `the rows of ${shown} are not those of its parts`;
  const summed = parts.map((part) => part.checksum).reduce(addChecksums, EMPTY_CHECKSUM);
  return summed === checksum ? null : `the checksum of ${shown} is not that of its parts`;
}
