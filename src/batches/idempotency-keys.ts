import { createHash } from 'node:crypto';
import { LongshoreError } from '../errors.ts';
import type { FormerBatch } from './batch-service.ts';

/** @returns SHA-256, hex, of everything that decides the outcome, to tell a retry from another request */
export function fingerprintOf(batch: Omit<FormerBatch, 'sentBy' | 'idempotencyKey'>): string {
  const { table, mode, strict, format, readAs, body } = batch;
  // Absent where nothing is asked for, as in the fingerprints of before it could be.
  const reading = readAs ? [Object.entries(readAs).sort(([a], [b]) => (a < b ? -1 : 1))] : [];
  return createHash('sha256')
    .update(JSON.stringify([table.name, mode, strict, format, ...reading]))
    .update(body)
    .digest('hex');
}

/** Idempotency-Keys of requests under way in this process. Between processes the ledger's primary key decides. */
export class IdempotencyKeysInUse {
  readonly #fingerprints = new Map<string, string>();

  /**
   * @returns a function that releases the key
   * @throws `idempotency-key-in-use idempotency-key-reused`
   */
  claim(sentBy: string, key: string, fingerprint: string): () => void {
    const name = `${sentBy} ${key}`;
    const running = this.#fingerprints.get(name);
    if (running === fingerprint) {
      throw new LongshoreError(
        'idempotency-key-in-use',
        'the first request with this key has no outcome yet',
      );
    }
    if (running !== undefined) throw idempotencyKeyReused();
    this.#fingerprints.set(name, fingerprint);
    return () => void this.#fingerprints.delete(name);
  }
}

export function idempotencyKeyReused(): LongshoreError {
  return new LongshoreError(
    'idempotency-key-reused',
    'the first request with this key had another table, mode, handling, format, dialect or body',
  );
}
