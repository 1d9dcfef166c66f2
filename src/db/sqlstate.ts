/** SQLSTATEs that Longshore reacts to, by name (PostgreSQL, Appendix A). */
export const SQLSTATE = {
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  lockNotAvailable: '55P03',
  diskFull: '53100',
  cardinalityViolation: '21000',
  insufficientPrivilege: '42501',
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
