import { STRONG } from './cell-shape.ts';
import type { Choice, Surroundings } from './choice.ts';
import { chooseBoolean } from './choose-boolean.ts';
import { chooseMoment } from './choose-moment.ts';
import { chooseNumber } from './choose-number.ts';
import type { Column, Example } from './column.ts';
import { BLANK, detailOf, kindOf, NOTHING, TEXT, UUID } from './shapes.ts';

export interface TypedColumn extends Choice {
  /** Cells beside the empty one that say that there is no value. */
  readonly missing: readonly string[];
  /** Rows without a value. */
  readonly missingRows: number;
  /** Rows with one. */
  readonly values: number;
}

/** A column where at most so many of a hundred are no number, or no moment, is told to be close to one. */
const CLOSE_SHARE = 0.02;

/** Chooses the type of a column from the counts of its cells' shapes. */
export function chooseType(column: Column, around: Surroundings): TypedColumn {
  const shapes = [...column.shapes.keys()];
  const values = shapes.filter((shape) => kindOf(shape) !== NOTHING && kindOf(shape) !== BLANK);
  const rows = countOf(column, values);
  const typed = rows === 0 ? null : typeOf(column, values, around);
  if (typed !== null && typed.type !== 'string') return withMissing(column, typed, rows, around, true);
  const plain: Choice = typed ?? {
    type: 'string',
    ...(values.length > 0 && values.every((shape) => kindOf(shape) === UUID) ? { format: 'uuid' } : {}),
    properties: {},
    exceptions: 0,
    ...closeness(column, values, rows, around),
  };
  return withMissing(column, plain, rows, around, false);
}

function typeOf(column: Column, values: readonly number[], around: Surroundings): Choice | null {
  const few = column.few.values;
  const real = few?.filter(({ bytes }) => !isBlankText(bytes)) ?? null;
  const boolean = real === null ? null : chooseBoolean(real, around);
  return boolean ?? chooseMoment(column, values, around) ?? chooseNumber(column, values, around);
}

function withMissing(
  column: Column,
  choice: Choice,
  rows: number,
  around: Surroundings,
  typed: boolean,
): TypedColumn {
  const missing: string[] = [];
  let missingRows = column.empty;
  let valueRows = rows;
  for (const [shape, count] of column.shapes) {
    const kind = kindOf(shape);
    if (kind !== NOTHING && kind !== BLANK) continue;
    const counts = kind === BLANK ? typed : typed || detailOf(shape) < STRONG;
    if (!counts) {
      valueRows += count.rows;
      continue;
    }
    missingRows += count.rows;
    if (kind === NOTHING) missing.push(around.decode(count.examples[0]!.bytes));
    else missing.push(...new Set(count.examples.map(({ bytes }) => around.decode(bytes))));
  }
  return { ...choice, missing, missingRows, values: valueRows };
}

/** What a text nearly is: its rows but a few are a number or a moment. */
function closeness(
  column: Column,
  values: readonly number[],
  rows: number,
  around: Surroundings,
): { readonly note?: string } {
  const texts = column.shapes.get(TEXT);
  if (texts === undefined || values.length < 2 || texts.rows > rows * CLOSE_SHARE) return {};
  const others = values.filter((shape) => shape !== TEXT);
  const nearly = typeOf(column, others, around);
  if (nearly === null || nearly.type === 'string') return {};
  const examples = texts.examples.map((example) => showExample(example, around.decode)).join(', ');
  return { note: `${rows - texts.rows} of ${rows} are of type ${nearly.type}; not so ${examples}` };
}

export function showExample({ bytes, line }: Example, decode: (bytes: Uint8Array) => string): string {
  return `${JSON.stringify(decode(bytes))} (line ${line})`;
}

function countOf(column: Column, shapes: readonly number[]): number {
  return shapes.reduce((sum, shape) => sum + column.shapes.get(shape)!.rows, 0);
}

function isBlankText(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 32 || byte === 9);
}
