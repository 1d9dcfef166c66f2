import { createHash } from 'node:crypto';
import type { BatchMode } from '../../batches/batch.ts';

/** The identity that all batches of a run share. */
export interface RunIdentity {
  readonly table: string;
  readonly mode: BatchMode;
  readonly strict: boolean;
  /** Real path of the file; null: standard input, which is identified by its content alone. */
  readonly path: string | null;
  /** Tells a run with `--again` from all others; null: the same rows at the same place go in once. */
  readonly run: string | null;
}

/**
 * The `Idempotency-Key` of a batch (draft-ietf-httpapi-idempotency-key-header: a string of RFC 8941, so in quotes):
 * the same for the same rows at the same place of the same file, so that a second run after a crash repeats
 * requests instead of inserting rows again.
 */
export function batchIdempotencyKey(identity: RunIdentity, firstLine: number, body: Uint8Array): string {
  const { table, mode, strict, path, run } = identity;
  const hash = createHash('sha256')
    .update(`${JSON.stringify([table, mode, strict, path, run, firstLine])}\n`)
    .update(body)
    .digest('base64url');
  return `"insert-${hash}"`;
}
