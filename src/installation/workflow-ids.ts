import { type Part, part } from '../db/statement.ts';
import { INSTALLATION_ID } from './installation.ts';

/** Workflow IDs as SQL, for statements that insert a job's row; equal to those of `names.ts`. */

/** `$1` is the backup's ID, which is unique: it contains the second and a random part. */
export const BACKUP_WORKFLOW_ID = part`${INSTALLATION_ID} || '-backup-' || $1`;

/** Of a row with the number `next.id` and the uid `u.uid`. @param kind SQL */
export function restoreWorkflowId(kind: string): Part {
  return part`${INSTALLATION_ID} || '-' || ${kind} || '-' || next.id || '-' || left(replace(u.uid::text, '-', ''), 12)`;
}
