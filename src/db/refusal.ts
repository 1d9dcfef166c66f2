import { LongshoreError } from '../errors.ts';
import { shorten } from '../shorten.ts';
import type { CellError, RejectCode } from '../types.ts';
import { isInFunction, type RaisedIn, raisedIn } from './raised.ts';
import { namesOfSources, wordsOfRaise } from './raised-words.ts';
import { isRefusal, type ServerError, SQLSTATE, serverErrorOf } from './sqlstate.ts';

/**
 * What PostgreSQL refused, in words that hold nothing of any row: names, its own message only where that is made of names
 * and sizes, and what a function raises without the values in it (`explainRaised`). Details and hints are never passed on.
 */
export function refusalOf(error: unknown): string {
  const fault = serverErrorOf(error);
  if (fault === undefined) return 'PostgreSQL refused it';
  const { code, constraint, column, table } = fault;
  const where = table === undefined ? '' : ` of ${table}`;
  if (code === SQLSTATE.notNullViolation && column !== undefined) {
    return `the column ${column}${where} takes no null in PostgreSQL`;
  }
  const functions = raisedIn(fault);
  const words = wordsOf(fault, functions);
  const by = calledBy(functions);
  if (words !== null) return `PostgreSQL: ${shorten(words, LONGEST_WORDS)}${by} (SQLSTATE ${code})`;
  if (constraint !== undefined) return `the constraint ${constraint}${where} in PostgreSQL does not hold`;
  return `${CONDITIONS[code] ?? 'PostgreSQL refused it'}${by} (SQLSTATE ${code})`;
}

const LONGEST_WORDS = 500;

/** PostgreSQL's own message as far as no value of a row can be in it. */
function wordsOf(fault: ServerError, functions: readonly RaisedIn[]): string | null {
  const sources = functions.map(({ source }) => source);
  const raised = wordsOfRaise(fault.message, sources);
  if (raised !== null) return raised.replaceAll('\n', ' ');
  if (!NAMES_ONLY.test(fault.code)) return null;
  const message = fault.message.split('\n')[0]!;
  return isInFunction(fault) ? namesOfSources(message, sources) : message;
}

/** The innermost function, and what calls those around it: triggers, rules, constraints, defaults, views. */
function calledBy(functions: readonly RaisedIn[]): string {
  const [innermost] = functions;
  if (innermost === undefined) return '';
  const users = [...new Set(functions.flatMap(({ usedBy }) => usedBy))];
  return `, in ${[`the function ${innermost.name}`, ...users].map((name) => shorten(name, 200)).join(', ')}`;
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
