import { plainNumber } from '../rows/decimal.ts';
import { withoutTrailing } from '../shorten.ts';
import type { Field } from '../types.ts';

const DATETIME = /^(.{19})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})$/;

/**
 * One text for every text of the same value, as PostgreSQL compares them in keys.
 * @param value what a caster of the field gave
 */
export function canonicalValue({ type }: Field, value: string): string {
  if (type === 'integer') return BigInt(value).toString();
  if (type === 'number') return plainNumber(value);
  // PostgreSQL's words: a caster leaves them as they are.
  if (type === 'boolean') return String(/^(?:t|y|1|on)/i.test(value));
  return type === 'datetime' ? inUtc(value) : value;
}

function inUtc(value: string): string {
  const [, seconds = '', fraction = '', offset = 'Z'] = DATETIME.exec(value) ?? [];
  const micros = withoutTrailing(fraction.slice(0, 6), '0');
  const moment = offset === 'Z' ? seconds : new Date(`${seconds}${offset}`).toISOString().slice(0, 19);
  return `${moment}${micros === '' ? '' : `.${micros}`}Z`;
}
