import { ledgerOver, type RunStatement } from '../../src/db/ledger-queries.ts';
import type { Sql } from '../../src/db/sql.ts';

/** The database as small statements see it, where the test runs each of them itself. */
export function sqlOver(run: RunStatement): Sql {
  return {
    get em(): Sql['em'] {
      throw new Error('there is no entity manager here');
    },
    ledger: ledgerOver(run),
    query: async <Row>(text: string, values: readonly unknown[] = []) =>
      (await run(text, values)).rows as Row[],
  };
}
