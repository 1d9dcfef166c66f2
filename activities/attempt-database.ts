import { Context } from '@temporalio/activity';
import { type Database, endSessions, type WorkFor } from '../src/db/database.ts';
import { ledgerOver } from '../src/db/ledger-queries.ts';
import { sessionName } from '../src/db/session-names.ts';
import { LongshoreError } from '../src/errors.ts';

/** Share of an attempt's timeout for its statements: the rest suffices to report why it failed. */
const SHARE_OF_TIME = 0.9;
/** The longest delay of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * The database as an activity's attempts use it: no statement outlives the attempt that sent it.
 *
 * - The attempt is cancelled, its worker stops, or Temporal has timed it out (a heartbeat's answer says all three), or its
 *   timeout is near: its statement is cancelled on the server, and its transaction is rolled back.
 * - Its process dies: PostgreSQL sees within seconds that the client is gone (`src/db/session.ts`).
 * - Its process hangs: the next attempt ends the sessions of earlier ones, which would keep their locks for ever. It
 *   finds them by their name in `pg_stat_activity`.
 */
export function attemptDatabase(db: Database): Database {
  const begun = new WeakMap<Context, Promise<Attempt>>();
  const attempt = async () => {
    const context = Context.current();
    const known = begun.get(context) ?? begin(db, context);
    begun.set(context, known);
    return known;
  };
  const run: Database['run'] = async (text, values) => {
    const { deadline, signal } = await attempt();
    return db.run(text, values, { signal }).catch((error) => {
      throw deadline.aborted ? tooLong() : error;
    });
  };
  return {
    ...db,
    async transaction(work) {
      const { deadline, ...whose } = await attempt();
      return db.transaction(work, whose).catch((error) => {
        throw deadline.aborted ? tooLong() : error;
      });
    },
    run,
    async connect() {
      const { name } = await attempt();
      const client = await db.connect();
      await client.query(`select set_config('application_name', $1, false)`, [name]);
      return client;
    },
    get em(): Database['em'] {
      throw new Error('an attempt has an entity manager in its transactions only');
    },
    query: async (text, values = []) => (await run(text, values, {})).rows,
    ledger: ledgerOver(async (text, values) => {
      const { rows, rowCount } = await run(text, values, {});
      return { rows, changed: rowCount };
    }),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}

interface Attempt extends Required<WorkFor> {
  readonly deadline: AbortSignal;
}

async function begin(db: Database, { info, cancellationSignal }: Context): Promise<Attempt> {
  const { workflowId = '', runId = '' } = info.workflowExecution ?? {};
  const name = sessionName({
    workflowId,
    runId,
    activityId: info.activityId,
    activityType: info.activityType,
  });
  const deadline = AbortSignal.timeout(Math.min(info.startToCloseTimeoutMs * SHARE_OF_TIME, LONGEST_MS));
  // A local activity is tried once; what came before was in a process that has lost its workflow since.
  if (info.attempt > 1 || info.isLocal) await endSessions(db, name);
  return { name, deadline, signal: AbortSignal.any([cancellationSignal, deadline]) };
}

function tooLong(): LongshoreError {
  return new LongshoreError(
    'database-busy',
    'a statement took longer than it may, or waited for a lock that another session holds',
  );
}
