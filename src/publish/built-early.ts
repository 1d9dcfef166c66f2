import { createHash } from 'node:crypto';
import type { Sql } from '../db/sql.ts';
import { quoteName } from '../db/sql-names.ts';
import { addConstraint } from '../tables/referrers.ts';

/**
 * Keys and references of stages that are built before any lock is taken, while the live tables may still change. Each
 * is named by a hash of its definition, so that publishing, under locks, takes exactly those that are still wanted,
 * builds those that are new since, and drops the rest.
 */

const PREFIX = 'early_';

/** @param definition as PostgreSQL writes it; references to staged tables point at their stages */
export async function buildEarly(tx: Sql, stage: string, definition: string): Promise<void> {
  const built = await builtEarly(tx, stage);
  const name = earlyName(stage, definition);
  if (!built.includes(name)) await tx.query(addConstraint({ table: stage, name, definition }));
}

/** Gives the stage the constraint under its name: the one that was built early, or a new one. */
export async function takeOrBuild(
  tx: Sql,
  stage: string,
  { name, definition }: { readonly name: string; readonly definition: string },
): Promise<void> {
  const early = earlyName(stage, definition);
  if (!(await builtEarly(tx, stage)).includes(early)) {
    await tx.query(addConstraint({ table: stage, name, definition }));
    return;
  }
  await tx.query(`alter table ${stage} rename constraint ${quoteName(early)} to ${quoteName(name)}`);
}

/** Drops the early constraints that were not taken; references first, since keys that they depend on can't go before. */
export async function dropUntaken(tx: Sql, stages: readonly string[]): Promise<void> {
  for (const references of [true, false]) {
    for (const stage of stages) {
      for (const name of await builtEarly(tx, stage, references)) {
        await tx.query(`alter table ${stage} drop constraint ${quoteName(name)}`);
      }
    }
  }
}

/** The name includes the stage: an index has its constraint's name, and all stages share one schema. */
function earlyName(stage: string, definition: string): string {
  const hash = createHash('sha256').update(`${stage}\n${definition}`).digest('hex');
  return PREFIX + hash.slice(0, 40);
}

/** @param references true: only foreign keys; false: only others; absent: all */
async function builtEarly(tx: Sql, stage: string, references: boolean | null = null): Promise<string[]> {
  const rows = await tx.query<{ name: string }>(
    `select conname as name from pg_constraint
      where conrelid = $1::regclass and contype in ('p', 'u', 'f') and starts_with(conname, $2)
        and (contype = 'f') is not distinct from coalesce($3, contype = 'f') order by conname`,
    [stage, PREFIX, references],
  );
  return rows.map(({ name }) => name);
}
