/** SQLSTATEs that Longshore reacts to, by name (PostgreSQL, Appendix A). */
export const SQLSTATE = {
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  lockNotAvailable: '55P03',
  diskFull: '53100',
  cardinalityViolation: '21000',
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
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = (e as { code?: unknown }).code;
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code;
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
 * of ours does not fit).
 */
export function isRowFault(error: unknown): boolean {
  return /^(2[1237]|44|0A|P0)/.test(sqlstateOf(error) ?? '');
}
