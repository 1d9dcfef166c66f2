/** SQLSTATEs that Longshore reacts to, by name (PostgreSQL, Appendix A). */
export const SQLSTATE = {
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  lockNotAvailable: '55P03',
  diskFull: '53100',
  cardinalityViolation: '21000',
  sequenceLimitExceeded: '2200H',
  invalidParameterValue: '22023',
  insufficientPrivilege: '42501',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  duplicateObject: '42710',
  queryCanceled: '57014',
  internalError: 'XX000',
  invalidTableDefinition: '42P16',
  dependentObjects: '2BP01',
} as const;

export function sqlstateOf(error: unknown): string | undefined {
  return serverErrorOf(error)?.code;
}

interface ServerError {
  readonly code: string;
  /** Of PostgreSQL's sources, where it was raised. */
  readonly file?: string;
}

/** What PostgreSQL said, at whatever depth of causes. */
function serverErrorOf(error: unknown): ServerError | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const { code } = e as { code?: unknown };
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return e as Error & ServerError;
  }
  return undefined;
}

/** SQLSTATE classes and Node codes that mean "no connection", not "a wrong statement". */
export function isConnectionError(error: unknown): boolean {
  const state = sqlstateOf(error);
  if (state !== undefined && /^(08|57P0)/.test(state)) return true;
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = (e as { code?: unknown }).code;
    if (typeof code === 'string' && /^(ECONN|EPIPE|ETIMEDOUT|ENOENT|EHOSTUNREACH)/.test(code)) return true;
    if (/Connection terminated|timeout exceeded when trying to connect/.test(e.message)) return true;
  }
  return false;
}

/**
 * Whether PostgreSQL refused what a row holds, by a constraint, a trigger or a rule, and not how it was asked: classes
 * 21 (cardinality), 22 (data), 23 (integrity), 27 and P0 (triggers), 44 (check option) and 0A (a rule that a statement
 * of ours does not fit). Of class 22 a setting that can not be made is not a row's doing, nor is a sequence at its end.
 */
export function isRowFault(error: unknown): boolean {
  const fault = serverErrorOf(error);
  if (fault === undefined || fault.code === SQLSTATE.sequenceLimitExceeded) return false;
  return /^(2[1237]|44|0A|P0)/.test(fault.code) && !isSettingFault(fault);
}

/**
 * A parallel worker that can not take over its leader's settings (files of PostgreSQL's installation are gone) says
 * 22023, as does a rule whose function a row gives an argument that there is not, a time zone for one. Only the place
 * in the sources tells them apart.
 */
function isSettingFault({ code, file }: ServerError): boolean {
  return code === SQLSTATE.invalidParameterValue && (file === 'guc.c' || file === 'tzparser.c');
}
