import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import type { PayloadKeys } from './payload-keys.ts';

const NOTE_KEYS = statement`
  insert into longshore.payload_key (id, noted_at, seals)
  select k.id, now(), k.id = $2 from unnest($1::text[]) k (id)
  on conflict (id) do update set noted_at = excluded.noted_at, seals = excluded.seals`;

/** The IDs of the payload keys of the API that started last are in the ledger, for workers to hold theirs against. */
export async function noteKeys(db: Sql, { sealing, byId }: PayloadKeys): Promise<void> {
  await db.query(NOTE_KEYS, [[...byId.keys()], sealing.id]);
}

const KEYS_AGREE = statement<{ id: string; seals: boolean }>`
  select id, seals from longshore.payload_key
   where noted_at = (select max(noted_at) from longshore.payload_key)`;

/**
 * Whether a process and the API open what the other seals, as they do at every step of a change of keys.
 *
 * @returns false while no API has noted its keys yet
 * @throws LongshoreError `config-invalid` when they do not
 */
export async function keysAgree(db: Sql, { sealing, byId }: PayloadKeys): Promise<boolean> {
  const noted = await db.query(KEYS_AGREE);
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
