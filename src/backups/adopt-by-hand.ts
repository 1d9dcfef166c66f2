import type { AuditEntry } from '../audit/audit-entry.ts';
import { insertAudit } from '../audit/audit-rows.ts';
import { statement } from '../db/statement.ts';
import { passIds } from '../loads/lineage-ids.ts';
import type { BackupStatus, Manifest } from './backup.ts';
import type { BackupDeps } from './backup-deps.ts';
import { DOUBTS, type Doubt, describeDoubts } from './doubts.ts';
import { idsOf } from './found-backups.ts';
import { reviewBackups } from './review-backups.ts';

export interface AdoptRequest {
  /** null: all backups whose only doubt is that no key here authenticates them. */
  readonly ids: readonly string[] | null;
  /** ID of the API key of the request. */
  readonly adoptedBy: string;
  /** Makes the line of the audit log for an adopted backup, which is written with the change. */
  readonly audit: (backupId: string) => AuditEntry;
}

export interface AdoptedByHand {
  readonly adopted: readonly string[];
  readonly refused: readonly { readonly id: string; readonly detail: string }[];
}

interface Candidate {
  readonly id: string;
  readonly status: BackupStatus;
  readonly manifest: Manifest | null;
  readonly sha256: string | null;
  readonly unverified: readonly Doubt[] | null;
}

/**
 * Adopts unverified backups on a person's word, after a new review of the storage. Only those without evidence against
 * them: one that was edited, moved or is of the future stays unverified. A backup that is known already counts as adopted.
 */
export async function adoptByHand(deps: BackupDeps, request: AdoptRequest): Promise<AdoptedByHand> {
  await reviewBackups(deps, { fresh: false });
  const adopted: string[] = [];
  const refused: { id: string; detail: string }[] = [];
  const candidates = await findCandidates(deps.db, request.ids);
  for (const id of request.ids ?? [...candidates.keys()]) {
    const candidate = candidates.get(id);
    const fault = candidate ? faultOf(candidate) : `there is no backup ${JSON.stringify(id)} in the storage`;
    const done = candidate?.status === 'done';
    if (fault !== null && !done) refused.push({ id, detail: fault });
    else if (done || (await adopt(deps, candidate!, request))) adopted.push(id);
    else refused.push({ id, detail: 'it has changed just now: look at it again' });
  }
  return { adopted, refused };
}

const FIND_CANDIDATES = statement<{ [member in keyof Candidate]: Candidate[member] }>`
  select id, status, manifest, manifest_sha256 as sha256, unverified from longshore.backup
   where case when $1::text[] is null
              then status = 'unverified' and jsonb_array_length(unverified) = 1
                   and unverified -> 0 ->> 'reason' = 'no-key'
              else id = any ($1) end
   order by snapshot_at, id`;

async function findCandidates(
  db: BackupDeps['db'],
  ids: readonly string[] | null,
): Promise<Map<string, Candidate>> {
  const rows = await db.query(FIND_CANDIDATES, [ids]);
  return new Map(rows.map((row) => [row.id, row]));
}

/** null: nothing but a person's word is missing. */
function faultOf({ status, manifest, unverified }: Candidate): string | null {
  if (status !== 'unverified') return `it is ${status}`;
  const against = (unverified ?? []).filter(({ reason }) => !DOUBTS[reason].adoptable);
  if (against.length > 0) return describeDoubts(against);
  return manifest === null ? 'it has no manifest that can be read' : null;
}

async function adopt(
  { db }: BackupDeps,
  { id, manifest, sha256 }: Candidate,
  { adoptedBy, audit }: AdoptRequest,
): Promise<boolean> {
  await passIds(db, idsOf(manifest!));
  return db.transaction(async (tx) => {
    const { numUpdatedRows } = await tx.ledger
      .updateTable('backup')
      .set(({ ref, fn, eb, val }) => ({
        status: 'done',
        unverified: null,
        deleted_at: null,
        cleared_at: null,
        started_by: eb.case().when('found', '=', true).then(val(adoptedBy)).else(ref('started_by')).end(),
        found: false,
        finished_at: fn.coalesce('finished_at', 'snapshot_at'),
      }))
      .where('id', '=', id)
      .where('status', '=', 'unverified')
      .where('manifest_sha256', '=', sha256)
      .executeTakeFirst();
    const adopted = numUpdatedRows > 0n;
    if (adopted) await insertAudit(tx, [audit(id)]);
    return adopted;
  });
}
