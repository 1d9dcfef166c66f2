import { isInFunction, raisedIn } from '../db/raised.ts';
import { refusalOf } from '../db/refusal.ts';
import { READ_SCHEMA } from '../db/sql-names.ts';
import { isRowFault, serverErrorOf, sqlstateOf } from '../db/sqlstate.ts';

/** Faults of rows in a report's SQL, in words of our own: PostgreSQL's messages may quote the rows. */

const MEANINGS: Readonly<Record<string, string>> = {
  '21000': 'a subquery gives more than one row, or two rows are the same in every column',
  '22003': 'a number is out of range',
  '22008': 'a date or time is out of range',
  '22012': 'division by zero',
  '22P02': 'a text can not be cast',
  '23505': 'the key is not unique',
  '42703': 'a column of a table is gone, which a start of the API takes in',
  '42P01': 'a table is gone, which a start of the API makes anew',
  '42P13': 'a column of a table has another type, which a start of the API takes in',
};

/** What a changed table gives in the functions by which reports read tables. */
const CHANGED_TABLE: ReadonlySet<string> = new Set(['42703', '42P01', '42P13']);

/** Classes 21 (cardinality), 22 (data) and 23 (integrity), and what functions raise: the SQL may succeed on other rows. */
export function isFaultOfRows(error: unknown): boolean {
  return /^2[123]/.test(sqlstateOf(error) ?? '') || isRowFault(error);
}

/** The message of PostgreSQL's error for a report, without a row's data. */
export function rowFault(error: unknown): string {
  const fault = serverErrorOf(error);
  if (fault === undefined) return 'it could not be refreshed';
  const { code: state } = fault;
  const meaning = MEANINGS[state];
  // But for the views of tables, which read by functions of ours.
  const isOurs = CHANGED_TABLE.has(state) && raisedIn(fault).every(({ schema }) => schema === READ_SCHEMA);
  if (isInFunction(fault) && !isOurs) return `the view can not be filled: ${refusalOf(error)}`;
  if (meaning === undefined && !/^2[123]/.test(state))
    return `the view can not be filled: ${refusalOf(error)}`;
  const known = meaning === undefined ? '' : `: ${meaning}`;
  return `PostgreSQL can not fill the view from the rows there are${known} (SQLSTATE ${state})`;
}
