import { anyDate } from './any-moment.ts';
import { formatDate, isDate } from './calendar.ts';
import type { Caster } from './field-reading.ts';
import { compileStrptime } from './strptime.ts';

/** Table Schema v2 "date": `yyyy-mm-dd`, a strptime pattern, or `any`. Days that do not exist are refused. */
export function dateCaster(format: string): Caster {
  return { ...reader(format), against: compareText };
}

function reader(format: string): Pick<Caster, 'expected' | 'cast'> {
  if (format === 'default') {
    return { expected: 'a date as YYYY-MM-DD', cast: (cell) => (isIsoDate(cell) ? cell : null) };
  }
  const parse = format === 'any' ? anyDate : compileStrptime(format).parse;
  return {
    expected: format === 'any' ? 'a date' : `a date as ${format}`,
    cast(cell) {
      const moment = parse(cell);
      return moment && formatDate(moment);
    },
  };
}

function isIsoDate(cell: string): boolean {
  if (cell.length !== 10 || !/^\d{4}-\d{2}-\d{2}$/.test(cell)) return false;
  return isDate(Number(cell.slice(0, 4)), Number(cell.slice(5, 7)), Number(cell.slice(8)));
}

/** Dates and times have a fixed width, so that their order is that of their text. */
export function compareText(bound: string): (value: string) => number {
  return (value) => (value === bound ? 0 : value < bound ? -1 : 1);
}
