import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Tx } from '../db/database.ts';
import { asRefused } from '../db/refusal.ts';
import type { Sql } from '../db/sql.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import { lockDictionary } from '../dictionary/dictionary-versions.ts';
import { LongshoreError } from '../errors.ts';
import type { Dictionary } from '../types.ts';
import { type ForeignRule, rulesBeyond } from './rules-beyond.ts';
import { readCatalog } from './table-catalog.ts';

/** Others queue behind a waiting lock, so each try is short; a request does not wait for long. */
const LOCK_TIMEOUT_MS = 500;
const LOCK_PAUSE_MS = 250;
const LOCK_TRIES = 8;

/** What the dictionary says, compared with what the database enforces. A start only adds, so the rest is told here. */
export interface DictionaryPlan {
  /** Rules that only the database has, in an order in which they can be dropped. */
  read(): Promise<readonly ForeignRule[]>;

  /**
   * Drops rules, all or none. Each try holds an exclusive lock for a moment.
   * @param ids of rules as `read` gives them
   * @returns the dropped rules, in the order of their statements
   * @throws LongshoreError `plan-changed` when one is not in the plan any more, `database-refused` when something depends
   *   on one, `database-busy`
   */
  drop(ids: readonly string[]): Promise<readonly ForeignRule[]>;
}

export function createDictionaryPlan(db: Database, book: Pick<DictionaryBook, 'now'>): DictionaryPlan {
  return {
    read: () => readPlan(db, book.now()),
    async drop(ids) {
      for (let tried = 1; ; tried++) {
        try {
          return await db.transaction((tx) => dropRules(tx, book.now(), new Set(ids)));
        } catch (error) {
          if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable || tried >= LOCK_TRIES) {
            throw asRefused(error) ?? error;
          }
          await sleep(LOCK_PAUSE_MS);
        }
      }
    },
  };
}

async function readPlan(db: Sql, dictionary: Dictionary): Promise<readonly ForeignRule[]> {
  const names = dictionary.tables.map(({ name }) => name);
  return rulesBeyond(dictionary, await readCatalog(db, names));
}

async function dropRules(
  tx: Tx,
  dictionary: Dictionary,
  ids: ReadonlySet<string>,
): Promise<readonly ForeignRule[]> {
  await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await lockDictionary(tx);
  const chosen = (await readPlan(tx, dictionary)).filter(({ id }) => ids.has(id));
  const gone = [...ids].filter((id) => !chosen.some((rule) => rule.id === id));
  if (gone.length > 0) {
    throw new LongshoreError('plan-changed', `the plan has no step ${gone.join(', ')}: nothing was changed`);
  }
  for (const { drop } of chosen) await tx.query(drop);
  return chosen;
}
