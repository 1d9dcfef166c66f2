import type { Database } from '../db/database.ts';
import { type Statement, statement } from '../db/statement.ts';

/** `_load_id` of rows that came in batches is at least this (the sequence `longshore.batch_group_id`); loads are below. */
export const FIRST_GROUP_ID = 2 ** 32;
/** IDs of loads are of PostgreSQL's type integer. The platform never assigned one beyond either bound. */
const MAX_LOAD_ID = 2 ** 31 - 2;

/** The last value that a sequence has assigned. */
interface Given {
  readonly name: string;
  readonly given: number;
}

const LOADS = statement<{ [member in keyof Given]: Given[member] }>`
  select name::text as name, coalesce(pg_sequence_last_value(name), 0)::float8 as given
    from (select pg_get_serial_sequence('longshore.load', 'id')::regclass as name) s`;

const GROUPS = statement<{ [member in keyof Given]: Given[member] }>`
  select name::text as name, coalesce(pg_sequence_last_value(name), 0)::float8 as given
    from (select 'longshore.batch_group_id'::regclass as name) s`;

const SEQUENCES = [
  { place: LOADS, first: 1, last: MAX_LOAD_ID },
  { place: GROUPS, first: FIRST_GROUP_ID, last: Number.MAX_SAFE_INTEGER - 1 },
] as const;

/**
 * Makes new loads and groups of batches get IDs past these: restored rows of a ledger that was lost keep their
 * `_load_id`, which must stay unique. It runs in a short transaction of its own, since it locks the sequence; IDs never
 * go back, so that doing it for a restore that then fails is harmless.
 *
 * @param used `_load_id`s, of loads and groups alike
 */
export async function passIds(
  db: Pick<Database, 'query' | 'transaction'>,
  used: readonly number[],
): Promise<void> {
  for (const { place, first, last } of SEQUENCES) {
    const ids = used.filter((id) => id >= first && id <= last);
    if (ids.length > 0) await passId(db, place, Math.max(...ids));
  }
}

async function passId(
  db: Pick<Database, 'query' | 'transaction'>,
  place: Statement<Given>,
  used: number,
): Promise<void> {
  const [sequence] = await db.query(place);
  if (!sequence || sequence.given >= used) return;
  await db.transaction(async ({ query }) => {
    // Changes nothing, but is the one statement that makes `nextval` of others wait: values taken after this read
    // would be assigned again.
    await query(`alter sequence ${sequence.name} cache 1`);
    await query(
      `select setval($1::regclass, greatest($2::bigint, coalesce(pg_sequence_last_value($1::regclass), 0)))`,
      [sequence.name, used],
    );
  });
}
