import type { TypedColumn } from './choose-type.ts';
import type { Column } from './column.ts';
import { BLANK, INTEGER, kindOf, LONG_INTEGER, NOTHING, PADDED, ZERO_INTEGER } from './shapes.ts';
import { CODE_HEADING } from './words.ts';

/** What the choice of a key needs of a field. */
export interface KeyCandidate {
  readonly name: string;
  readonly column: Column;
  readonly typed: TypedColumn;
}

export interface ChosenKey {
  readonly fields: readonly string[];
  readonly note?: string;
  /** Other fields that are unique as well. */
  readonly others: readonly string[];
}

/** Below so many rows, that all values differ says little of what the field is. */
const FEW_ROWS = 20;
/** Of an index; longer texts can not be keys. */
const MOST_KEY_BYTES = 2_600;

const KEY_NAME =
  /(?:^|[_ .-])(?:id|key|code|no|nr|num|number|nummer|uuid|guid|sku|isbn|ean|iban|pk|ref|reference|инн|огрн|код|номер|артикул)$|(?:[a-z](?:Id|ID|Key|Code|No|Nr|Number))$/;
const EXACT_ID = /^(?:id|key|uuid|guid|pk|_id)$/i;

/** Each value is another one, in every row, and none is missing. */
export function isUnique({ column, typed }: KeyCandidate): boolean {
  if (column.keys === null || typed.values < 2 || typed.missingRows > 0 || typed.exceptions > 0) return false;
  return hasExactKeys(column, typed) && column.maxBytes <= MOST_KEY_BYTES;
}

/** Equal values are equal texts, spaces around them aside: an integer without plus signs, a text, dates of one form. */
function hasExactKeys(column: Column, typed: TypedColumn): boolean {
  for (const [shape, count] of column.shapes) {
    // A word such as "-" and a blank that is a value here was not looked at for being twice.
    if (
      (kindOf(shape) === NOTHING || kindOf(shape) === BLANK) &&
      !typed.missing.includes(count.examples[0]!.bytes.toString()) &&
      count.rows > 1
    )
      return false;
    if (typed.type === 'integer' && (shape & ~PADDED) !== INTEGER && kindOf(shape) !== NOTHING) return false;
  }
  if (typed.type === 'date' || typed.type === 'datetime') return column.shapes.size === 1;
  return typed.type === 'integer' || typed.type === 'string';
}

/** The one field that identifies a row, if there is one: by what it holds, its name and its place. */
export function chooseKey(candidates: readonly KeyCandidate[], table: string): ChosenKey | null {
  const unique = candidates.filter(isUnique);
  const ranked = unique
    .map((candidate) => ({ candidate, score: scoreOf(candidate, candidates.indexOf(candidate), table) }))
    .sort((a, b) => b.score - a.score);
  const best = ranked[0];
  if (best === undefined || best.score < 2) return null;
  const others = ranked.slice(1).map(({ candidate }) => candidate.name);
  const { column } = best.candidate;
  const share = column.keys!.share;
  return {
    fields: [best.candidate.name],
    others,
    ...(share < 1 && !column.rising
      ? { note: `looked at ${(100 * share).toFixed(1)}% of the values, as memory is bounded` }
      : {}),
  };
}

/** Codes that are all equally long: material numbers, tax numbers. */
function isFixedCode({ minBytes, maxBytes, shapes }: Column, { values }: TypedColumn): boolean {
  const digits = [...shapes.keys()].every((shape) =>
    [INTEGER, ZERO_INTEGER, LONG_INTEGER].includes(kindOf(shape)),
  );
  return digits && values >= 3 && minBytes === maxBytes && minBytes >= 6;
}

/** Names of people, places or firms: that each comes once in a few rows says nothing. */
function isFewNames({ few }: Column, { type, values }: TypedColumn): boolean {
  return (
    type === 'string' && values < FEW_ROWS && (few.values?.some(({ bytes }) => bytes.includes(' ')) ?? false)
  );
}

function scoreOf({ name, column, typed }: KeyCandidate, index: number, table: string): number {
  let score = 0;
  const bare = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const one = table.replaceAll('_', '').replace(/(?:es|s)$/, '');
  if (EXACT_ID.test(name)) score += 4;
  else if (KEY_NAME.test(name) || KEY_NAME.test(name.toLowerCase())) score += 2;
  if (one !== '' && bare.startsWith(one) && score > 0) score += 1;
  if (index === 0) score += 2.2;
  if (typed.values >= FEW_ROWS) score += 0.8;
  if (typed.format === 'uuid') score += 1.5;
  if (column.rising && typed.type === 'integer') score += 0.5;
  if (isFixedCode(column, typed) && !CODE_HEADING.test(name.toLowerCase())) score += 2;
  if (typed.type === 'string' && column.maxBytes > 20) score -= 0.4;
  if (isFewNames(column, typed)) score -= 0.4;
  if (index > 0 && /name|title|mail/i.test(name)) score -= 2;
  if (typed.type === 'string' && column.maxBytes > 64) score -= 2;
  if (/text|comment|description|note|address|amount|price|quantity|menge|betrag/i.test(name)) score -= 2;
  return score;
}
