import { MAX_BATCH_BYTES } from '../../batches/batch.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import type { Input } from '../open-input.ts';
import type { Session } from '../session.ts';
import type { RunIdentity } from './idempotency-key.ts';
import { addTotals, type BatchEnd, type InsertTotals, insertRows, NO_TOTALS } from './insert-rows.ts';
import { type LineReject, planBatches } from './plan-batches.ts';
import { readLines } from './read-lines.ts';
import type { RejectsFile } from './rejects-file.ts';
import { PassingError } from './send-batch.ts';
import { describeInserting, FIRST_REJECTS } from './show-insert.ts';

export interface InsertRun {
  readonly input: Input;
  readonly identity: RunIdentity;
  readonly rejectsFile: RejectsFile;
  readonly batchRows: number;
  readonly clients: number;
  readonly retryForMs: number;
}

export interface InsertEnd {
  readonly rows: InsertTotals;
  readonly seconds: number;
  /** The first ones of the file. */
  readonly rejects: readonly LineReject[];
  /** Why the run was aborted; null: it was not. */
  readonly failure: CliError | null;
}

/** An outage of the platform is reported at most once in this time. */
const RETRY_NEWS_EVERY_MS = 10_000;

/**
 * Sends the rows of a file and shows how far it is. At Ctrl-C, and at the first batch that is refused, reading
 * stops, and what is under way is waited for.
 */
export async function runInsert(session: Session, run: InsertRun): Promise<InsertEnd> {
  const startedAtMs = performance.now();
  const seconds = () => (performance.now() - startedAtMs) / 1000;
  const progress = await session.progress(`insert ${run.input.name}`);
  const refused = new AbortController();
  const rejects: LineReject[] = [];
  let [rows, failure]: [InsertTotals, CliError | null] = [NO_TOTALS, null];
  try {
    for await (const end of sendAll(session, run, refused.signal)) {
      rows = addTotals(rows, end.totals);
      if (end.refusal !== null) {
        failure ??= end.refusal;
        refused.abort();
      }
      rejects.push(...end.rejects.slice(0, FIRST_REJECTS - rejects.length));
      await run.rejectsFile.write(end.rejects);
      progress.update(end.endByte, run.input.bytes, describeInserting(rows, seconds()));
    }
  } catch (error) {
    if (!session.signal.aborted) failure ??= asCliError(error, run.input);
  } finally {
    progress.stop();
    run.input.pieces.destroy();
  }
  if (session.signal.aborted) failure ??= new PassingError(EXIT.interrupted, 'interrupted');
  await run.rejectsFile.close(failure === null);
  return { rows, seconds: seconds(), rejects, failure };
}

function sendAll(session: Session, run: InsertRun, refused: AbortSignal): AsyncGenerator<BatchEnd> {
  const { input } = run;
  const signal = AbortSignal.any([session.signal, refused]);
  // Reading stops at once, even where a pipe has nothing to say.
  signal.addEventListener('abort', () => input.pieces.destroy(), { once: true });
  const lines = readLines(input.pieces, input.name, MAX_BATCH_BYTES - 1, signal);
  return insertRows(session.api, planBatches(lines, run.batchRows), run.identity, {
    clients: run.clients,
    retryForMs: run.retryForMs,
    signal,
    onRetry: retryNews(session),
  });
}

function retryNews(session: Session): (reason: string) => void {
  let [told, toldAtMs] = ['', 0];
  return (reason) => {
    if (reason === told && performance.now() - toldAtMs < RETRY_NEWS_EVERY_MS) return;
    [told, toldAtMs] = [reason, performance.now()];
    session.say(`trying again: ${reason}`);
  };
}

function asCliError(error: unknown, input: Input): CliError {
  if (error instanceof CliError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(EXIT.failed, `${input.name} could not be read to its end: ${message}`, {
    cause: error,
  });
}
