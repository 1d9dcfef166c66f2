import type { AnswerValue, FieldAnswer, FileAnswer } from './answers.ts';
import type { Cell, Reading } from './reading.ts';
import { sameValue } from './same-value.ts';

export const ASPECTS = [
  'encoding',
  'delimiter',
  'header',
  'columns',
  'types',
  'numbers',
  'dates',
  'booleans',
  'text',
  'missing',
  'loaded',
] as const;
export type Aspect = (typeof ASPECTS)[number];

export interface Score {
  /** An aspect that the file does not have, or that the reader has no say in, is left out. */
  readonly right: ReadonlyMap<Aspect, boolean>;
  readonly faults: readonly string[];
}

/**
 * How a reading compares with the right answer; `loaded` is right where all rows and values would be.
 * @param silent what the reader has no say in, and so is not wrong about where it refuses a file
 */
export function scoreReading(
  asked: FileAnswer,
  reading: Reading,
  silent: ReadonlySet<Aspect> = new Set(),
): Score {
  const answer = withColumnsOf(asked, reading);
  const right = new Map<Aspect, boolean>();
  const faults: string[] = [];
  const judge = (aspect: Aspect, good: boolean, why: () => string) => {
    right.set(aspect, (right.get(aspect) ?? true) && good);
    if (!good) faults.push(`${aspect}: ${why()}`);
  };
  const failed = reading.failed;
  if (failed !== undefined) faults.push(`refused: ${failed}`);
  const said = <T>(aspect: Aspect, received: T | null | undefined, expected: T) => {
    if (silent.has(aspect)) return;
    if (failed !== undefined) right.set(aspect, false);
    else if (received !== null && received !== undefined) {
      judge(
        aspect,
        received === expected,
        () => `expected ${JSON.stringify(expected)}, received ${JSON.stringify(received)}`,
      );
    }
  };
  said('encoding', reading.sameText, true);
  if (answer.fields.length > 1) said('delimiter', reading.delimiter, answer.delimiter);
  said('header', reading.header, answer.header);
  said('columns', reading.types.length, answer.fields.length);
  judgeTypes(answer, reading, judge);
  judgeValues(answer, reading, judge);
  const shown = faults.length > 8 ? [...faults.slice(0, 8), `… and ${faults.length - 8} more`] : faults;
  return { right, faults: shown };
}

type Judge = (aspect: Aspect, good: boolean, why: () => string) => void;

function judgeTypes(answer: FileAnswer, reading: Reading, judge: Judge): void {
  for (const [at, field] of answer.fields.entries()) {
    const types = reading.types[at] ?? [];
    const good = types.some((type) => field.type.some((one) => one === type || one === 'empty'));
    judge(
      'types',
      good,
      () =>
        `${nameOf(field, at)}: expected ${field.type.join(' or ')}, received ${types.join(' or ') || 'no column'}`,
    );
  }
}

function judgeValues(answer: FileAnswer, reading: Reading, judge: Judge): void {
  const { rows } = reading;
  const fewest = answer.rows - (answer.bad?.length ?? 0);
  const counted = reading.failed === undefined && rows.length >= fewest && rows.length <= answer.rows;
  judge(
    'loaded',
    counted,
    () =>
      `expected ${fewest === answer.rows ? fewest : `${fewest} to ${answer.rows}`} rows, received ${rows.length}`,
  );
  judge('loaded', reading.types.length === answer.fields.length, () => 'other columns');
  let from = 0;
  for (const [number, values] of Object.entries(answer.values)) {
    const found = rows.findIndex((row, index) => index >= from && sameRow(values, row, answer.fields));
    // A row that is nowhere is compared with the one in its place, to say what is wrong with it.
    const row = rows[found < 0 ? Number(number) - 1 : found] ?? [];
    if (found >= 0) from = found + 1;
    for (const [at, field] of answer.fields.entries()) {
      const expected = values[at]!;
      const good = sameValue(expected, row[at], field);
      const why = () =>
        `row ${number}, ${nameOf(field, at)}: expected ${JSON.stringify(expected)}, received ${JSON.stringify(row[at])}`;
      judge(aspectOf(expected, field), good, why);
      if (!good) judge('loaded', false, () => `row ${number}`);
    }
  }
}

function sameRow(
  values: readonly AnswerValue[],
  row: readonly Cell[],
  fields: readonly FieldAnswer[],
): boolean {
  return fields.every((field, at) => sameValue(values[at]!, row[at], field));
}

function aspectOf(expected: AnswerValue, { type: [type] }: FieldAnswer): Aspect {
  if (expected === null) return 'missing';
  if (type === 'integer' || type === 'number') return 'numbers';
  if (type === 'boolean') return 'booleans';
  return type === 'date' || type === 'datetime' || type === 'time' ? 'dates' : 'text';
}

function nameOf(field: FieldAnswer, at: number): string {
  return field.name ?? `column ${at + 1}`;
}

/** The answer without the columns that the reader may leave out, if that is what it has done. */
export function withColumnsOf(answer: FileAnswer, { types }: Pick<Reading, 'types'>): FileAnswer {
  const stays = answer.fields.map(({ mayBeLeftOut }) => mayBeLeftOut !== true);
  const fields = answer.fields.filter((_, at) => stays[at]);
  if (types.length === answer.fields.length || types.length !== fields.length) return answer;
  const values = Object.entries(answer.values).map(([row, cells]) => [
    row,
    cells.filter((_, at) => stays[at]),
  ]);
  return { ...answer, fields, values: Object.fromEntries(values) };
}
