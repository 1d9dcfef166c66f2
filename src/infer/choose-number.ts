import type { Choice, Surroundings } from './choice.ts';
import type { Column } from './column.ts';
import {
  AMBIGUOUS,
  affixOf,
  affixText,
  BARE_EXPONENT,
  COMMA,
  decimalSeparator,
  EXPONENT,
  groupSeparator,
  LEADING_ZERO,
  NARROW_SPACE,
  NO_BREAK_SPACE,
  PLUS,
  POINT,
  SEPARATORS,
  SPACE,
} from './number-shapes.ts';
import { DECIMAL, INFINITE, INTEGER, kindOf, LONG_INTEGER, ZERO_INTEGER } from './shapes.ts';
import { CODE_HEADING } from './words.ts';

const KINDS: ReadonlySet<number> = new Set([INTEGER, ZERO_INTEGER, LONG_INTEGER, DECIMAL, INFINITE]);
const SPACES: ReadonlySet<number> = new Set([SPACE, NO_BREAK_SPACE, NARROW_SPACE]);
/** A phone number with its country: more digits than a number with a plus sign has. */
const PHONE_BYTES = 8;

/** What parts groups and decimals in a column; undefined: nothing decides it. */
interface Separators {
  readonly group: number;
  readonly decimal: number;
  /** The one that may be either, where only the surroundings decide. */
  readonly open: number;
}

/** @returns whether the column, if it has numbers with a comma or point as decimals for sure, has a comma */
export function decimalCommaOf(column: Column): boolean | null {
  const found = separatorsOf(valueShapes(column));
  if (found === null || found.decimal === 0) return null;
  return found.decimal === COMMA;
}

function valueShapes(column: Column): number[] {
  return [...column.shapes.keys()].filter((shape) => KINDS.has(kindOf(shape)));
}

/** @param shapes of all values; null: they are no numbers, or as numbers they would lose something */
export function chooseNumber(column: Column, shapes: readonly number[], around: Surroundings): Choice | null {
  if (!shapes.every((shape) => KINDS.has(kindOf(shape)))) return null;
  const affixes = new Set(shapes.map(affixOf));
  if (affixes.size > 1) return text('the values have different signs around their numbers');
  const kinds = new Set(shapes.map(kindOf));
  if (kinds.size === 1 && kinds.has(INFINITE)) return null;
  if (kinds.has(ZERO_INTEGER))
    return text(`${rowsOf(column, ZERO_INTEGER)} begin with a 0, which a number would lose`);
  if (kinds.has(LONG_INTEGER)) return text('some have more digits than an integer holds');
  if (shapes.some((shape) => (shape & LEADING_ZERO) !== 0))
    return text('some begin with a 0, which a number would lose');
  if (shapes.every((shape) => (shape & PLUS) !== 0) && column.maxBytes >= PHONE_BYTES) {
    return text('all begin with +, as phone numbers do');
  }
  const heading = (around.heading ?? '').toLowerCase();
  if (CODE_HEADING.test(heading) && !kinds.has(INFINITE) && affixes.has(0)) {
    return text('digits, and the heading says that they are a code: the next file may have zeros in front');
  }
  if (
    shapes.every((shape) => kindOf(shape) === INTEGER || (shape & BARE_EXPONENT) !== 0) &&
    kinds.has(DECIMAL)
  ) {
    return text('digits with an E between them are codes rather than numbers');
  }
  return numberChoice(column, shapes, around);
}

function numberChoice(column: Column, shapes: readonly number[], around: Surroundings): Choice | null {
  const found = separatorsOf(shapes);
  if (found === null) return text('commas and points stand in different places');
  let { group, decimal } = found;
  let note: string | undefined;
  let undecided: string | undefined;
  if (found.open !== 0) {
    const sure = column.maximum >= 1000 || column.minimum <= -1000 || around.decimalComma !== null;
    const isDecimal = openIsDecimal(column, found.open, around);
    if (isDecimal) decimal = found.open;
    else group = found.open;
    const mark = SEPARATORS[found.open];
    const read = `read as ${isDecimal ? 'decimals' : 'thousands'}`;
    note = sure
      ? `"${mark}" is ${read}, as other numbers of the file have it`
      : `nothing says whether "${mark}" parts decimals or thousands: ${read}`;
    if (!sure) undecided = note;
  }
  if (
    SPACES.has(group) &&
    decimal === 0 &&
    column.minBytes === column.maxBytes &&
    column.rows - column.empty > 3
  ) {
    return text('groups of digits that are all equally long are codes rather than numbers');
  }
  const exponent = shapes.some((shape) => (shape & EXPONENT) !== 0);
  const infinite = shapes.some((shape) => kindOf(shape) === INFINITE);
  const whole = decimal === 0 && !exponent && !infinite;
  const affix = affixText(affixOf(shapes[0]!));
  const properties: Record<string, unknown> = {};
  if (group !== 0) properties.groupChar = SEPARATORS[group];
  if (decimal === COMMA) properties.decimalChar = ',';
  if (affix !== '') properties.bareNumber = false;
  const told =
    affix === ''
      ? note
      : [`each has ${JSON.stringify(affix.trim())}, which is not kept`, note].filter(Boolean).join('; ');
  return {
    type: whole ? 'integer' : 'number',
    properties,
    exceptions: 0,
    ...(told === undefined ? {} : { note: told }),
    ...(undecided === undefined ? {} : { undecided }),
  };
}

/** null: no two characters do it for all of them. */
function separatorsOf(shapes: readonly number[]): Separators | null {
  const groups = new Set<number>();
  const decimals = new Set<number>();
  const open = new Set<number>();
  for (const shape of shapes) {
    if (kindOf(shape) !== DECIMAL) continue;
    const [group, decimal] = [groupSeparator(shape), decimalSeparator(shape)];
    if ((shape & AMBIGUOUS) !== 0) open.add(decimal);
    else {
      if (group !== 0) groups.add(group);
      if (decimal !== 0) decimals.add(decimal);
    }
  }
  if (groups.size > 1 || decimals.size > 1 || open.size > 1) return null;
  const [group = 0] = groups;
  const [decimal = 0] = decimals;
  const [either = 0] = open;
  if (group !== 0 && group === decimal) return null;
  if (either === 0 || either === group || either === decimal) return { group, decimal, open: 0 };
  if (group !== 0 && decimal !== 0) return null;
  if (group !== 0) return { group, decimal: either, open: 0 };
  if (decimal !== 0) return { group: either, decimal, open: 0 };
  return { group: 0, decimal: 0, open: either };
}

/** Thousands would be parted in larger integers too; then the file's other columns have a say. */
function openIsDecimal(column: Column, open: number, around: Surroundings): boolean {
  if (column.maximum >= 1000 || column.minimum <= -1000) return true;
  if (around.decimalComma !== null) return around.decimalComma === (open === COMMA);
  return open === POINT;
}

function rowsOf(column: Column, kind: number): string {
  let rows = 0;
  for (const [shape, count] of column.shapes) if (kindOf(shape) === kind) rows += count.rows;
  return `${rows} of ${column.rows - column.empty}`;
}

function text(note: string): Choice {
  return { type: 'string', properties: {}, exceptions: 0, note };
}
