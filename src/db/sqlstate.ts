import { LEDGER_SCHEMA } from './sql-names.ts';

/** SQLSTATEs that Longshore reacts to, by name (PostgreSQL, Appendix A). */
export const SQLSTATE = {
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  lockNotAvailable: '55P03',
  diskFull: '53100',
  outOfMemory: '53200',
  tooManyConnections: '53300',
  configurationLimitExceeded: '53400',
  readOnlyTransaction: '25006',
  cardinalityViolation: '21000',
  sequenceLimitExceeded: '2200H',
  invalidParameterValue: '22023',
  insufficientPrivilege: '42501',
  programLimitExceeded: '54000',
  featureNotSupported: '0A000',
  notNullViolation: '23502',
  checkViolation: '23514',
  exclusionViolation: '23P01',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  duplicateObject: '42710',
  duplicateTable: '42P07',
  duplicateSchema: '42P06',
  undefinedTable: '42P01',
  undefinedColumn: '42703',
  queryCanceled: '57014',
  internalError: 'XX000',
  invalidTableDefinition: '42P16',
  dependentObjects: '2BP01',
} as const;

export function sqlstateOf(error: unknown): string | undefined {
  return serverErrorOf(error)?.code;
}

/** A row has what a unique key or an exclusion constraint allows only once. */
export function isKeyTaken(error: unknown): boolean {
  const state = sqlstateOf(error);
  return state === SQLSTATE.uniqueViolation || state === SQLSTATE.exclusionViolation;
}

/** Fields of PostgreSQL's errors ("Error and Notice Message Fields"). Messages and details can hold row data. */
export interface ServerError {
  readonly code: string;
  readonly message: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  /** The functions and statements that it was raised in. */
  readonly where?: string;
  /** Of PostgreSQL's sources, where it was raised. */
  readonly file?: string;
  readonly routine?: string;
}

/** What PostgreSQL said, at whatever depth of causes. */
export function serverErrorOf(error: unknown): ServerError | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const { code } = e as { code?: unknown };
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return e as Error & ServerError;
  }
  return undefined;
}

/** SQLSTATE classes and Node codes that mean "no connection", not "a wrong statement". */
export function isConnectionError(error: unknown): boolean {
  const state = sqlstateOf(error);
  // 25P03 and 25P04: the session's own limits of time ended it. 28 and 3D: no session begins, since the role, its password
  // or the database is not there, which no statement can cause.
  if (state !== undefined && /^(08|28|3D|57P0|25P0[34])/.test(state)) return true;
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = (e as { code?: unknown }).code;
    if (typeof code === 'string' && UNREACHED.test(code)) return true;
    if (e.message.includes('Connection terminated')) return true;
  }
  return false;
}

/** Codes of Node for a server that can not be reached, or whose name can not be resolved. */
const UNREACHED = /^(ECONN|EPIPE|ETIMEDOUT|ENOENT|ENOTFOUND|EAI_AGAIN|EHOST|ENET)/;

/** The pool's own word when all its connections were in use for as long as it waits. */
const POOL_IN_USE = 'timeout exceeded when trying to connect';

/** Whether every connection of the pool was in use: PostgreSQL was not asked. */
export function isPoolInUse(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (e.message === POOL_IN_USE) return true;
  return false;
}

/**
 * Whether PostgreSQL refused what a row holds, by a constraint, a trigger or a policy, and not how it was asked: classes
 * 21 (cardinality), 22 (data), 23 (integrity), 27 and P0 (triggers), 44 (check option), what a user's function raises, a
 * row or an index entry that is too large, and row security. Of class 22 a setting that can not be made is not a row's doing, nor is a sequence at
 * its end.
 */
export function isRowFault(error: unknown): boolean {
  const fault = serverErrorOf(error);
  if (fault === undefined || fault.code === SQLSTATE.sequenceLimitExceeded || isOwn(fault)) return false;
  if (isOfUser(fault)) return true;
  if (fault.code === SQLSTATE.insufficientPrivilege) return fault.routine === 'ExecWithCheckOptions';
  if (fault.code === SQLSTATE.programLimitExceeded) return true;
  return /^(2[1237]|44|P0)/.test(fault.code) && !isSettingFault(fault);
}

/**
 * Whether PostgreSQL refuses a statement for what it or a row is, so that it will refuse it again: features, data,
 * integrity, dependencies, functions that fail, names, rights and limits. Not transient errors: connections,
 * resources, conflicts between transactions, an operator's cancel, a server that is read-only.
 */
export function isRefusal(error: unknown): boolean {
  const fault = serverErrorOf(error);
  if (fault === undefined || isOwn(fault) || isSettingFault(fault)) return false;
  // Of two that make the same object at once, one finds it there the next time.
  if (RACES.includes(fault.code)) return false;
  if (isOfUser(fault)) return true;
  return /^(0A|2[1237BF]|3[89]|42|44|54|55000|55006|F0|HV|P0)/.test(fault.code);
}

/** Classes of PostgreSQL's own SQLSTATEs. */
const CLASSES = /^(0[0-389ABFLPZ]|10|2[0-8BDF]|3[489BDF]|4[024]|5[34578]|72|F0|HV|P0|XX)/;
/** Those that pass: connections, resources, conflicts, an operator's doing. A function may raise them on purpose. */
const PASSING = /^(08|40|5[378]|55P03|XX)/;

/** Whether a user's function raised it on purpose: with an SQLSTATE of its own, or by RAISE with one that does not pass. */
function isOfUser({ code, routine }: ServerError): boolean {
  return !CLASSES.test(code) || (routine === 'exec_stmt_raise' && !PASSING.test(code));
}

/** Whether others were in the way, or a resource was short: the same statement may succeed later. */
export function isTransient(error: unknown): boolean {
  return /^(40|53|55P03|57014)/.test(sqlstateOf(error) ?? '');
}

const RACES: readonly string[] = [
  SQLSTATE.duplicateTable,
  SQLSTATE.duplicateObject,
  SQLSTATE.duplicateSchema,
];

/** A rule of the ledger or of the catalogs, which no one's rows can break: a race, or a bug. */
function isOwn({ code, schema }: ServerError): boolean {
  return code.startsWith('23') && (schema === LEDGER_SCHEMA || schema === 'pg_catalog');
}

/**
 * A parallel worker that can not take over its leader's settings (files of PostgreSQL's installation are gone) says
 * 22023, as does a rule whose function a row gives an argument that there is not, a time zone for one. Only the place
 * in the sources tells them apart.
 */
function isSettingFault({ code, file }: ServerError): boolean {
  return code === SQLSTATE.invalidParameterValue && (file === 'guc.c' || file === 'tzparser.c');
}
