import { Context } from '@temporalio/activity';
import type { Tx } from '../src/db/database.ts';
import { isRowFault } from '../src/db/sqlstate.ts';
import { statement } from '../src/db/statement.ts';
import { LongshoreError } from '../src/errors.ts';
import { orphaned } from '../src/jobs/job.ts';
import { type LoadPlan, type LoadStep, textKeyOf } from '../src/loads/loads.ts';
import { KEPT_REJECTS } from '../src/max-rejects.ts';
import { stageName, vacuumStage } from '../src/publish/stage.ts';
import { RejectRoom, roomForRejects } from '../src/rejects/kept-rejects.ts';
import { encodeChunk } from '../src/rows/encode-chunk.ts';
import type { EncodeInput } from '../src/rows/encode-input.ts';
import { stampOf } from '../src/storage/stamp.ts';
import type { Chunk } from '../src/types.ts';
import { copyCarefully } from './copy-carefully.ts';
import { type ChunkTarget, type CopiedChunk, copyChunk } from './copy-chunk.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';
import { type CompiledPlan, planCache } from './plan-cache.ts';
import { readChunk } from './read-chunk.ts';

export interface LoadChunkInput extends LoadStep {
  readonly chunkNo: number;
}

export type LoadedChunk =
  | { readonly state: 'loaded'; readonly bytes: number; readonly read: number; readonly rejected: number }
  | { readonly state: 'paused' };

/**
 * Loads one chunk: reads, parses and checks it; COPYs good rows into the stage and bad ones into the rejects, and writes
 * the chunk's ledger row, all in one transaction. The ledger row is written first: its primary key makes a second attempt
 * wait for the first one's end, and then find the work done. So neither a retry, nor a worker that was believed dead,
 * writes twice.
 */
export function loadChunk(deps: ActivityDeps) {
  const compiledPlan = planCache(deps);
  return async ({ chunkNo, ...step }: LoadChunkInput): Promise<LoadedChunk> => {
    const { loadId } = step;
    const { paused, uid } = await readState(deps, step);
    if (paused) return { state: 'paused' };
    const compiled = await compiledPlan({ loadId, uid });
    const chunk = compiled.plan.chunks?.[chunkNo];
    if (!chunk) throw new LongshoreError('internal', `load ${loadId} has no chunk ${chunkNo}`);
    await refuseChange(deps, compiled);
    const bytes = await readChunk(deps.storage, textKeyOf(compiled.plan), chunk);
    return whileBeating(
      () => ({ chunkNo }),
      async (signal) => {
        // Dead rows of an earlier attempt are not collected by autovacuum, which is off for the stage: on a full disk
        // they would keep it full.
        if (Context.current().info.attempt > 1) await vacuumStage(deps.db, stageName(loadId));
        const work = { compiled, chunk, bytes, keep: deps.keptRejects ?? KEPT_REJECTS, signal };
        try {
          return await deps.db.transaction((tx) => write(tx, work, copyAtOnce));
        } catch (error) {
          if (!isRowFault(error)) throw error;
          return deps.db.transaction((tx) => write(tx, work, copyCarefully));
        }
      },
    );
  };
}

const READ_STATE = statement<{
  paused: boolean;
  ended: boolean;
  uid: string;
}>`select paused, finished_at is not null as ended, uid from longshore.load where id = $1`;

async function readState({ db }: ActivityDeps, { loadId, uid }: LoadStep) {
  const [row] = await db.query(READ_STATE, [loadId]);
  if (row && uid !== undefined && uid !== row.uid) throw orphaned(`load ${loadId}`);
  if (!row || row.ended) throw new LongshoreError('load-state', `load ${loadId} has ended`);
  return row;
}

/**
 * Refuses a changed file of the inbox, which belongs to others: its survey is only valid while the file is unchanged. The
 * text of a wrapped one is a copy.
 */
async function refuseChange({ storage }: ActivityDeps, { plan }: CompiledPlan): Promise<void> {
  if (plan.sourceKind !== 'inbox' || plan.plainKey !== null) return;
  if ((await stampOf(storage, plan.sourceKey)) !== plan.sourceStamp) {
    throw new LongshoreError('file-changed', `${plan.sourceKey} changed while it was being loaded`);
  }
}

interface ChunkWork {
  readonly compiled: CompiledPlan;
  readonly chunk: Chunk;
  readonly bytes: Buffer;
  /** How many rejects of the load are kept. */
  readonly keep: number;
  readonly signal: AbortSignal;
}

const INSERT_CHUNK = statement`
  insert into longshore.load_chunk (load_id, chunk_no, bytes)
    select id, $2, $3 from longshore.load where id = $1 and uid = $4
  on conflict do nothing returning 1`;

const COUNT_CHUNK = statement`
  update longshore.load_chunk set rows_read = $3, rows_good = $4, rows_rejected = $5, rejects_dropped = $6, done_at = clock_timestamp()
   where load_id = $1 and chunk_no = $2`;

async function write(
  tx: Tx,
  { compiled: { plan, compiled, columns, width }, chunk, bytes, keep, signal }: ChunkWork,
  copy: typeof copyAtOnce,
): Promise<LoadedChunk> {
  const size = chunk.endByte - chunk.startByte;
  const begun = await tx.query(INSERT_CHUNK, [plan.id, chunk.no, size, plan.uid]);
  if (begun.length === 0) return alreadyLoaded(tx, plan, chunk.no);

  const { dialect, encoding } = plan.table;
  const input = { bytes, chunk, compiled, columns, width, dialect, encoding };
  const { firstLine } = chunk;
  const room = new RejectRoom(await roomForRejects(tx, { loadId: plan.id, firstLine, keep }));
  const { id, table } = plan;
  const { rowsRead, rowsGood, rowsRejected, rowsCopied } = await copy(tx, { id, table, room }, input, signal);
  if (rowsCopied !== rowsGood) {
    throw new LongshoreError('internal', `COPY took ${rowsCopied} rows of ${rowsGood}`);
  }
  await tx.query(COUNT_CHUNK, [plan.id, chunk.no, rowsRead, rowsGood, rowsRejected, room.dropped]);
  await room.write(tx, plan.id);
  return { state: 'loaded', bytes: size, read: rowsRead, rejected: rowsRejected };
}

function copyAtOnce(
  tx: Tx,
  plan: ChunkTarget,
  input: EncodeInput,
  signal: AbortSignal,
): Promise<CopiedChunk> {
  return copyChunk(tx, plan, encodeChunk(input), signal);
}

const ALREADY_LOADED = statement<{ bytes: number; read: number; rejected: number }>`
  select c.bytes, c.rows_read as read, c.rows_rejected as rejected
    from longshore.load_chunk c join longshore.load l on l.id = c.load_id
   where c.load_id = $1 and c.chunk_no = $2 and l.uid = $3`;

async function alreadyLoaded(tx: Tx, plan: LoadPlan, chunkNo: number): Promise<LoadedChunk> {
  const [row] = await tx.query(ALREADY_LOADED, [plan.id, chunkNo, plan.uid]);
  if (!row) throw orphaned(`load ${plan.id}`);
  return { state: 'loaded', ...row };
}
