import { DEFAULT_DIALECT } from '../dictionary/parse-dialect.ts';
import { LongshoreError } from '../errors.ts';
import { meant } from '../schema-words.ts';
import { quoted } from '../shorten.ts';
import type { Dialect } from '../types.ts';
import { STRONG } from './cell-shape.ts';
import type { Surroundings } from './choice.ts';
import { type ChosenKey, chooseKey, isUnique, type KeyCandidate } from './choose-keys.ts';
import { dayFirstOf } from './choose-moment.ts';
import { decimalCommaOf } from './choose-number.ts';
import { chooseType, showExample, type TypedColumn } from './choose-type.ts';
import type { Column } from './column.ts';
import type { Evidence, InferOverrides, InferredField, InferredRules } from './contract.ts';
import { describeType, fieldEvidence } from './field-evidence.ts';
import type { FieldName } from './names.ts';
import { detailOf, kindOf, NOTHING } from './shapes.ts';

/** A list of values is a rule when each was there often enough. */
const MOST_ENUM = 12;
const ROWS_A_MEMBER = 20;
const FEWEST_A_MEMBER = 2;
/** Other unique fields that are named beside the key. */
const MOST_OTHERS = 8;
/** Below so many rows nothing but the key is said to be unique. */
const FEWEST_UNIQUE_ROWS = 100;

export interface ColumnOfTable {
  readonly column: Column;
  readonly name: FieldName;
  /** null: the file has no header. */
  readonly heading: string | null;
}

export interface DescribedTable {
  /** The Table Schema, without its references. */
  readonly schema: Record<string, unknown>;
  readonly fields: readonly InferredField[];
  readonly candidates: readonly KeyCandidate[];
  readonly key: ChosenKey | null;
  /** Other fields that the schema says are unique. */
  readonly unique: readonly string[];
  readonly keyEvidence: Evidence;
  /** Each heading says which field it is of, by its name or an alias. */
  readonly headerFits: boolean;
  readonly warnings: readonly string[];
}

export interface DescribeOptions {
  readonly table: string;
  readonly rows: number;
  readonly rules: InferredRules;
  readonly overrides: InferOverrides;
  /** Found by a further look at the rows. */
  readonly key?: ChosenKey;
  readonly decode: (bytes: Uint8Array) => string;
  /** Lengths are in characters: those of UTF-8, or bytes. */
  readonly utf8: boolean;
  /** The files are in several encodings: lengths are not known for sure. */
  readonly mixed?: boolean;
  readonly looksEuropean: boolean;
}

/** Types, rules and key of a table, from its columns. */
export function describeTable(columns: readonly ColumnOfTable[], options: DescribeOptions): DescribedTable {
  const shared = surroundingsOf(columns, options);
  const typed = columns.map(({ column, heading }) => chooseType(column, { ...shared, heading }));
  const candidates = columns.map(({ column, name }, index) => ({
    name: name.name,
    column,
    typed: typed[index]!,
  }));
  const given = options.overrides.primaryKey;
  requireFields(given ?? [], candidates);
  const key =
    options.key ??
    (given === undefined
      ? chooseKey(candidates, options.table)
      : given.length === 0
        ? null
        : { fields: given, others: [] });
  const common = commonMissing(columns, typed);
  const warnings: string[] = [];
  const fields: Record<string, unknown>[] = [];
  const shown: InferredField[] = [];
  const aliases = columns.map((column) => aliasOf(column, columns));
  for (const [index, { column, name, heading }] of columns.entries()) {
    const choice = typed[index]!;
    const isKey = key?.fields.includes(name.name) ?? false;
    const unique =
      key?.fields[0] !== name.name && choice.values >= FEWEST_UNIQUE_ROWS && isUnique(candidates[index]!);
    const members = options.rules === 'none' ? null : enumOf(column, choice, options.decode, isKey || unique);
    const constraints = {
      ...(options.rules !== 'none' && choice.values > 0 && choice.missingRows === 0 && !isKey
        ? { required: true }
        : {}),
      ...(options.rules !== 'none' && unique ? { unique: true } : {}),
      ...(options.rules === 'observed' && members === null ? observedOf(column, choice, options) : {}),
      ...(members === null ? {} : { enum: members }),
    };
    fields.push({
      name: name.name,
      ...(heading !== null && heading !== name.name && heading !== '' ? { title: heading } : {}),
      ...(aliases[index] === null ? {} : { 'longshore:from': [aliases[index]] }),
      type: choice.type,
      ...(choice.format === undefined || choice.format === 'default' ? {} : { format: choice.format }),
      ...choice.properties,
      ...(common.length > 0 || choice.missing.length === 0 ? {} : { missingValues: ['', ...choice.missing] }),
      ...(Object.keys(constraints).length === 0 ? {} : { constraints }),
    });
    shown.push({
      name: name.name,
      heading,
      evidence: fieldEvidence({
        column,
        choice,
        members,
        unique,
        name,
        decode: options.decode,
        utf8: options.utf8,
      }),
    });
    if (choice.undecided !== undefined) warnings.push(`${name.name}: ${choice.undecided}`);
    if (choice.exceptions > 0) {
      const examples = (choice.exceptionExamples ?? [])
        .map((one) => showExample(one, options.decode))
        .join(', ');
      warnings.push(
        `${name.name}: ${choice.exceptions} of ${choice.values} are no ${describeType(choice)}, and become rejects: ${examples}`,
      );
    }
    if (name.why !== null && heading !== null)
      warnings.push(`column ${index + 1} is called ${name.name}: ${name.why}`);
  }
  return {
    schema: {
      fields,
      ...(common.length > 0 ? { missingValues: ['', ...common] } : {}),
      ...(key === null ? {} : { primaryKey: [...key.fields] }),
    },
    fields: shown,
    candidates,
    key,
    unique: fields.flatMap(({ name, constraints }) =>
      (constraints as { readonly unique?: boolean } | undefined)?.unique === true ? [String(name)] : [],
    ),
    headerFits: columns.every(
      ({ heading, name }, index) =>
        heading === null || heading.trim() === name.name || aliases[index] !== null,
    ),
    keyEvidence: keyEvidence(key, options.rows, given !== undefined),
    warnings,
  };
}

/** The heading of a field that is called otherwise, where it can mean no other one; null: the field needs none or has none. */
function aliasOf({ heading, name }: ColumnOfTable, columns: readonly ColumnOfTable[]): string | null {
  const alias = heading?.trim() ?? '';
  if (alias === '' || alias === name.name || alias.includes('\0') || !alias.isWellFormed()) return null;
  const meant = columns.filter((other) => other.name.name === alias || other.heading?.trim() === alias);
  return meant.length === 1 ? alias : null;
}

function requireFields(key: readonly string[], candidates: readonly KeyCandidate[]): void {
  const names = candidates.map(({ name }) => name);
  const missing = key.find((name) => !names.includes(name));
  if (missing === undefined) return;
  const detail = `primaryKey: the file has no field ${quoted(missing)}${meant(missing, names)}`;
  throw new LongshoreError('invalid-request', detail, { places: [{ parameter: 'primaryKey', detail }] });
}

function surroundingsOf(
  columns: readonly ColumnOfTable[],
  options: DescribeOptions,
): Omit<Surroundings, 'heading'> {
  const agreed = (answers: readonly (boolean | null)[]): boolean | null => {
    const sure = new Set(answers.filter((answer) => answer !== null));
    return sure.size === 1 ? [...sure][0]! : null;
  };
  return {
    decimalComma: agreed(columns.map(({ column }) => decimalCommaOf(column))),
    dayFirst: agreed(columns.map(({ column }) => dayFirstOf(column))),
    dateOrder: options.overrides.dateOrder,
    looksEuropean: options.looksEuropean,
    decode: options.decode,
  };
}

/** Words that mean "no value" in several columns and a value in none: they are the table's. Empty: each has its own. */
function commonMissing(columns: readonly ColumnOfTable[], typed: readonly TypedColumn[]): string[] {
  const words = [...new Set(typed.flatMap(({ missing }) => missing))];
  if (words.length === 0) return [];
  const isValue = columns.some(
    ({ column }, index) =>
      [...column.shapes.keys()].some(
        (shape) => kindOf(shape) === NOTHING && detailOf(shape) >= STRONG && typed[index]!.type === 'string',
      ) ||
      (typed[index]!.type === 'string' && words.some((word) => word.trim() === '')),
  );
  return isValue ? [] : words;
}

/** The values, where they are few, each is there often, and they are words: sorted as the file has them by number. */
function enumOf(
  column: Column,
  choice: TypedColumn,
  decode: (bytes: Uint8Array) => string,
  isKey: boolean,
): string[] | null {
  if (choice.type !== 'string' || choice.format !== undefined || isKey) return null;
  const values = column.few.values;
  if (values === null || values.length < 2 || values.length > MOST_ENUM) return null;
  if (values.some(({ rows }) => rows < FEWEST_A_MEMBER) || choice.values < ROWS_A_MEMBER * values.length)
    return null;
  const counted = values.reduce((sum, { rows }) => sum + rows, 0);
  if (counted !== choice.values) return null;
  const texts = values.map(({ bytes }) => decode(bytes));
  return new Set(texts).size === texts.length ? texts.sort() : null;
}

function observedOf(
  column: Column,
  choice: TypedColumn,
  { utf8, mixed }: DescribeOptions,
): Record<string, unknown> {
  if (choice.values === 0) return {};
  if (choice.type === 'string') {
    if (mixed === true) return {};
    const [minLength, maxLength] = column.textLengths(utf8);
    return { minLength, maxLength };
  }
  const plain =
    choice.type === 'integer' && choice.properties.groupChar === undefined && column.maxBytes <= 15;
  return plain ? { minimum: column.minimum, maximum: column.maximum } : {};
}

function keyEvidence(key: ChosenKey | null, rows: number, asked: boolean): Evidence {
  if (key === null) {
    const note = asked
      ? 'as it was asked for'
      : 'no field that looks like a key has another value in each row';
    return { choice: 'no primary key', rows, exceptions: 0, examples: [], note };
  }
  const others = key.others.slice(0, MOST_OTHERS).join(', ');
  const more = key.others.length - MOST_OTHERS;
  const also =
    key.others.length === 0 ? undefined : `also unique: ${others}${more > 0 ? `, and ${more} more` : ''}`;
  const notes = [asked ? 'as it was asked for' : undefined, key.note, also].filter(
    (note) => note !== undefined,
  );
  return {
    choice: `primary key ${key.fields.join(', ')}`,
    rows,
    exceptions: 0,
    examples: [],
    ...(notes.length > 0 ? { note: notes.join('; ') } : {}),
  };
}

/** The dialect as a descriptor has it: what differs from the standard's defaults, and what people look for. */
export function describeDialect(dialect: Dialect): Record<string, unknown> {
  const described: Record<string, unknown> = { delimiter: dialect.delimiter, header: dialect.header };
  for (const name of ['quoteChar', 'doubleQuote', 'escapeChar', 'skipInitialSpace', 'commentChar'] as const) {
    if (dialect[name] !== DEFAULT_DIALECT[name]) described[name] = dialect[name];
  }
  return described;
}
