import { NOW } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import type { BatchOutcome, EndedBatch, ReceivedBatch } from './batch.ts';
import type { CheckedBatch } from './checked-batch.ts';
import { readOutcomes } from './read-batches.ts';

/** The first outcome of an Idempotency-Key, and the fingerprint of its request. */
export interface Idempotent {
  /** SHA-256, hex */
  readonly fingerprint: string;
  readonly outcome: EndedBatch;
}

/** Idempotency-Keys are scoped to the API key (`keyId`) that sent them. null when it is unknown, or expired. */
export async function findIdempotent(db: Sql, keyId: string, key: string): Promise<Idempotent | null> {
  return (await findAll(db, [{ sentBy: keyId, key }])).get(nameOf(keyId, key)) ?? null;
}

/** Deletes expired Idempotency-Keys. @returns how many there were */
export async function dropExpiredIdempotencyKeys(db: Sql): Promise<number> {
  const { numDeletedRows } = await db.ledger
    .deleteFrom('idempotency_key')
    .where('expires_at', '<=', NOW)
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** The unexpired Idempotency-Keys of these batches that the ledger has. */
export async function knownIdempotencyKeys(
  db: Sql,
  batches: readonly CheckedBatch[],
): Promise<KnownIdempotencyKeys> {
  const sent = batches.flatMap(({ received: { sentBy, idempotency } }) =>
    idempotency ? [{ sentBy, key: idempotency.key }] : [],
  );
  const known = sent.length > 0 ? await findAll(db, sent) : new Map<string, Idempotent>();
  return { of: ({ sentBy, idempotency }) => known.get(nameOf(sentBy, idempotency?.key ?? '')) ?? null };
}

export interface KnownIdempotencyKeys {
  of(received: Pick<ReceivedBatch, 'sentBy' | 'idempotency'>): Idempotent | null;
}

/** The answer to a request whose Idempotency-Key has an outcome already. */
export function answerAgain(received: ReceivedBatch, first: Idempotent): BatchOutcome {
  if (received.idempotency?.fingerprint !== first.fingerprint) return { refused: 'idempotency-key-reused' };
  return { ...first.outcome, replayed: true };
}

/** Batches that share an Idempotency-Key have the same name; null without one. */
export function idempotencyKeyName({ sentBy, idempotency }: ReceivedBatch): string | null {
  return idempotency && nameOf(sentBy, idempotency.key);
}

/**
 * The outcomes of a group that is in the ledger.
 * @throws LongshoreError `batch-lost` when the outcome that a batch repeated is no longer known
 */
export async function outcomesInLedger(db: Sql, batches: readonly CheckedBatch[]): Promise<BatchOutcome[]> {
  const ended = await readOutcomes(
    db,
    batches.map(({ received }) => received.id),
  );
  const missing = batches.filter(({ received }) => !ended.has(received.id));
  const known = await knownIdempotencyKeys(db, missing);
  return batches.map(({ received }) => {
    const own = ended.get(received.id);
    if (own) return own;
    const first = known.of(received);
    if (first) return answerAgain(received, first);
    throw new LongshoreError('batch-lost', `batch ${received.id} is not in the ledger, but its group is`);
  });
}

const FIND_KEYS = statement<{ key_id: string; key: string; fingerprint: string; batch_id: string }>`
  select k.key_id, k.key, encode(k.fingerprint, 'hex') as fingerprint, k.batch_id
    from unnest($1::text[], $2::text[]) as s (key_id, key)
    join longshore.idempotency_key k using (key_id, key) where k.expires_at > now()`;

async function findAll(
  db: Sql,
  keys: readonly { readonly sentBy: string; readonly key: string }[],
): Promise<Map<string, Idempotent>> {
  const rows = await db.query(FIND_KEYS, [keys.map(({ sentBy }) => sentBy), keys.map(({ key }) => key)]);
  const outcomes = await readOutcomes(
    db,
    rows.map((row) => row.batch_id),
  );
  return new Map(
    rows.flatMap(({ key_id, key, fingerprint, batch_id }) => {
      const outcome = outcomes.get(batch_id);
      return outcome ? [[nameOf(key_id, key), { fingerprint, outcome }] as const] : [];
    }),
  );
}

function nameOf(keyId: string, key: string): string {
  return JSON.stringify([keyId, key]);
}
