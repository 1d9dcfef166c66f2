import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { TidyActivities } from '../activities/tidy-ledger.ts';
import { rejectsDaysOf } from '../src/ledger-ages.ts';
import type { TidiedLedger, TidyLedgerInput } from '../src/tidy/contract.ts';
import { TIDY } from './policies.ts';

const tidy = proxyActivities<TidyActivities>(TIDY);

/** A run of the ledger's schedule: deletes what is older than its age, one kind after the other. */
export async function tidyLedger(input: TidyLedgerInput): Promise<TidiedLedger> {
  const { ledgerDays, auditDays } = input;
  const rejectsDays = rejectsDaysOf(input);
  const rejects = rejectsDays > 0 ? await tidy.deleteOldRejects({ days: rejectsDays }) : 0;
  const loads = ledgerDays > 0 ? await tidy.deleteOldLoads({ days: ledgerDays }) : 0;
  const batches = ledgerDays > 0 ? await tidy.deleteOldBatches({ days: ledgerDays }) : 0;
  const restores = ledgerDays > 0 ? await tidy.deleteOldRestores({ days: ledgerDays }) : 0;
  const backups = ledgerDays > 0 ? await tidy.deleteFailedBackups({ days: ledgerDays }) : 0;
  const audit = auditDays > 0 ? await tidy.deleteOldAudit({ days: auditDays }) : 0;
  const tidied = { rejects, loads, batches, restores, backups, audit };
  setCurrentDetails(
    `deleted ${Object.entries(tidied)
      .map(([what, n]) => `**${n}** ${what}`)
      .join(', ')}`,
  );
  return tidied;
}
