import { NOW } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';
import type { PayloadKeys } from './payload-keys.ts';

/** The IDs of the payload keys of the API that started last are in the ledger, for workers to hold theirs against. */
export async function notePayloadKeys(db: Sql, { sealing, byId }: PayloadKeys): Promise<void> {
  const keys = [...byId.keys()].map((id) => ({ id, noted_at: NOW, seals: id === sealing.id }));
  await db.ledger
    .insertInto('payload_key')
    .values(keys)
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet(({ ref }) => ({
        noted_at: ref('excluded.noted_at'),
        seals: ref('excluded.seals'),
      })),
    )
    .execute();
}

/**
 * Whether a process and the API open what the other seals, as they do at every step of a change of keys.
 *
 * @returns false while no API has noted its keys yet
 * @throws LongshoreError `config-invalid` when they do not
 */
export async function payloadKeysAgree(db: Sql, { sealing, byId }: PayloadKeys): Promise<boolean> {
  const noted = await db.ledger
    .selectFrom('payload_key')
    .select(['id', 'seals'])
    .where('noted_at', '=', (eb) =>
      eb.selectFrom('payload_key').select(({ fn }) => fn.max('noted_at').as('at')),
    )
    .execute();
  if (noted.length === 0) return false;
  const sealer = noted.find(({ seals }) => seals);
  const isUnderstood = noted.some(({ id }) => id === sealing.id);
  if (isUnderstood && (sealer === undefined || byId.has(sealer.id))) return true;
  const theirs = noted.map(({ id, seals }) => (seals ? `${id}, which seals` : id)).join('; ');
  throw new LongshoreError(
    'config-invalid',
    `LONGSHORE_PAYLOAD_KEY: the keys here are ${[...byId.keys()].join('; ')} (the first one seals), and the API has ` +
      `others: ${theirs}. Neither would take anything of the other's: give every process of the platform the same ones`,
  );
}
