import { LongshoreError } from '../errors.ts';
import { shorten } from '../shorten.ts';
import type { CellError, RejectCode } from '../types.ts';
import { isRefusal, type ServerError, SQLSTATE, serverErrorOf } from './sqlstate.ts';

/**
 * What PostgreSQL refused, in words that hold nothing of any row: names, and its own message only where that is made
 * of names and sizes. Details and hints are never passed on, nor what a trigger says.
 */
export function refusalOf(error: unknown): string {
  const fault = serverErrorOf(error);
  if (fault === undefined) return 'PostgreSQL refused it';
  const { code, constraint, column, table } = fault;
  const where = table === undefined ? '' : ` of ${table}`;
  if (code === SQLSTATE.notNullViolation && column !== undefined) {
    return `the column ${column}${where} takes no null in PostgreSQL`;
  }
  const by = functionOf(fault);
  if (NAMES_ONLY.test(code) && !(by && BUILT.includes(code))) {
    return `PostgreSQL: ${fault.message.split('\n')[0]}${by && `, in ${by}`} (SQLSTATE ${code})`;
  }
  if (constraint !== undefined) return `the constraint ${constraint}${where} in PostgreSQL does not hold`;
  return `${CONDITIONS[code] ?? 'PostgreSQL refused it'}${by && `, in ${by}`} (SQLSTATE ${code})`;
}

/** The message of a reject for a row that PostgreSQL refused. */
export function refusedRow(error: unknown): CellError {
  const { code, column } = serverErrorOf(error) ?? {};
  return {
    code: REJECT_CODES[code ?? ''] ?? 'constraint-error',
    field: column ?? null,
    message: refusalOf(error),
  };
}

/** As an error of the catalog, if trying again is of no use; else null. */
export function asRefused(error: unknown): LongshoreError | null {
  return isRefusal(error) ? new LongshoreError('database-refused', refusalOf(error), { cause: error }) : null;
}

const REJECT_CODES: Readonly<Record<string, RejectCode>> = {
  [SQLSTATE.uniqueViolation]: 'unique-error',
  [SQLSTATE.foreignKeyViolation]: 'foreign-key',
};

/** SQLSTATEs whose messages are made of names and sizes. */
const NAMES_ONLY = /^(0A|2B|42|44|54|55)/;

/** A statement that a function put together may quote what it was made of: a syntax error, an unknown column. */
const BUILT: readonly string[] = ['42601', '42703'];

/** Conditions of others that rows meet with (PostgreSQL, Appendix A). */
const CONDITIONS: Readonly<Record<string, string>> = {
  '22001': 'a text is too long for its column',
  '22003': 'a number is out of range',
  '22007': 'a date or time can not be read',
  '22008': 'a date or time is out of range',
  '22012': 'a division by zero',
  '22023': 'a value is not one that it may be',
  '22P02': 'a value can not be read',
  '22P05': 'a character has no place in the encoding',
  '2200H': 'a sequence is at its end',
  '428C9': 'a column that PostgreSQL fills by itself can not be written',
  P0001: 'an exception was raised',
};

/** The function that it was raised in: of a trigger, a rule, a constraint or a default. */
function functionOf({ where }: ServerError): string {
  const [, name] = /(?:PL\/\w+|SQL) function "?([^\s"(]+)/.exec(where ?? '') ?? [];
  return name === undefined ? '' : `the function ${shorten(name, 200)}`;
}
