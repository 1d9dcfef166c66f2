/** After how many days entries of the ledger are deleted; 0: never. Pure: safe in workflow code. */
export interface LedgerAges {
  /** Rejects of loads and batches, counted from the end of the load or the commit of the group. Their counts stay. */
  readonly rejectsDays: number;
  /** Loads, batches, restores and failed backups, counted from their end. */
  readonly ledgerDays: number;
  readonly auditDays: number;
}

/** Rejects go at the latest with what they belong to; 0: never. */
export function rejectsDaysOf({ rejectsDays, ledgerDays }: LedgerAges): number {
  if (rejectsDays === 0 || ledgerDays === 0) return Math.max(rejectsDays, ledgerDays);
  return Math.min(rejectsDays, ledgerDays);
}

/** Whether anything is ever deleted. */
export function isAnythingOld(ages: LedgerAges): boolean {
  return Object.values(ages).some((days) => days > 0);
}
