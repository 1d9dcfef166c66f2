import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  ContinueAsNew,
  condition,
  continueAsNew,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { BegunLoad } from '../activities/begin-load.ts';
import type { EndedLoad, EndLoadInput } from '../activities/end-load.ts';
import type { Activities, LedgerActivities } from '../activities/index.ts';
import type { ErrorCode } from '../src/errors.ts';
import {
  type ChunkCounts,
  LOAD_ENDED,
  type LoadCsvInput,
  PAUSE,
  RESUME,
  TURN,
} from '../src/loads/contract.ts';
import type { LoadTotals } from '../src/loads/load-view.ts';
import type { LoadStep } from '../src/loads/loads.ts';
import { REJECTS_ATTRIBUTE_NAME } from '../src/temporal/attribute-names.ts';
import { codeMarkdown, plainMarkdown } from '../src/temporal/ui-markdown.ts';
import { reasonOf } from './failure-reason.ts';
import { inWindow } from './in-window.ts';
import { ledgerStep } from './ledger-step.ts';
import {
  CHUNK,
  CHUNK_WINDOW,
  CHUNKS_A_RUN,
  chunkPriority,
  PUBLISH_TRIES,
  publishPriority,
  SURVEYS,
  TURN_POLL,
  WHOLE,
} from './policies.ts';
import { progressDetails } from './progress.ts';
import { workerActivities } from './worker-activities.ts';

const REJECTS_ATTRIBUTE = defineSearchAttributeKey(REJECTS_ATTRIBUTE_NAME, SearchAttributeType.INT);

const chunkwise = workerActivities<Activities>(CHUNK);
const whole = workerActivities<Activities>(WHOLE);

const pause = defineSignal(PAUSE);
const resume = defineSignal(RESUME);
const turn = defineSignal(TURN);
const loadEnded = defineSignal(LOAD_ENDED);

/**
 * One load, from its turn to its end:
 *
 *   wait for the loads before it ─ survey (unless surveyed on upload) ─ stage ─ chunks ─ publish ⇄ check ─ end
 *
 * Only object keys and counts pass through here. Every step is idempotent: its completion is in the ledger, written in
 * the same transaction. However the load ends, the ledger says how, the stage is gone, and the next load of the table is
 * signalled that its turn has come.
 */
export async function loadCsv(input: LoadCsvInput): Promise<LoadTotals & { readonly loadId: number }> {
  const { loadId, uid, short, localSteps = false } = input;
  const load: LoadStep = { loadId, uid, ...(short && { short }) };
  const state = takeSignals(input);
  const ledger: LedgerActivities = {
    takeTurn: ledgerStep('takeTurn', localSteps),
    beginLoad: ledgerStep('beginLoad', localSteps),
    endLoad: ledgerStep('endLoad', localSteps),
  };
  let failure: unknown;
  let end: EndLoadInput['end'] = { status: 'done' };
  try {
    await takeTurn(ledger, load, state);
    const begun = await ledger.beginLoad(load);
    const nextChunk = await loadChunks(input, state, begun);
    if (nextChunk < begun.chunks) {
      return await continueAsNew<typeof loadCsv>({
        ...input,
        nextChunk,
        paused: state.paused,
        done: state.done,
      });
    }
    await publish(load, state, begun);
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    failure = error;
    end = isCancellation(error) ? { status: 'cancelled' } : { status: 'failed', ...reasonOf(error) };
  }
  const ended = await CancellationScope.nonCancellable(() => endLoad(ledger, { ...load, end }));
  // Of a load that failed, the ledger's entry has no totals.
  const rejects = Math.max(ended.rejected, state.done.rejected);
  if (input.tellsRejects === true) upsertSearchAttributes([{ key: REJECTS_ATTRIBUTE, value: rejects }]);
  // A cancellation that came after the commit finds the load done.
  if (ended.status === 'done') {
    const { read, loaded, rejected, unchanged, discarded } = ended;
    return { loadId, read, loaded, rejected, unchanged, discarded };
  }
  if (isCancellation(failure)) throw failure;
  const { code, message } = reasonOf(failure);
  throw ApplicationFailure.nonRetryable(message, code);
}

interface LoadState {
  paused: boolean;
  myTurn: boolean;
  done: ChunkCounts;
}

function takeSignals(input: LoadCsvInput): LoadState {
  const state: LoadState = {
    paused: input.paused ?? false,
    myTurn: false,
    done: input.done ?? { chunks: 0, bytes: 0, read: 0, rejected: 0 },
  };
  setHandler(pause, () => {
    state.paused = true;
  });
  setHandler(resume, () => {
    state.paused = false;
  });
  setHandler(turn, () => {
    state.myTurn = true;
  });
  return state;
}

async function takeTurn(ledger: LedgerActivities, load: LoadStep, state: LoadState): Promise<void> {
  for (;;) {
    const turned = await ledger.takeTurn(load);
    if (turned.state === 'over') throw failed('load-state', `load ${load.loadId} has ended already`);
    if (turned.state === 'go') {
      state.paused ||= turned.paused;
      await untilResumed(state);
      if (turned.charted) return;
      setCurrentDetails(`**surveying** ${codeMarkdown(turned.source)}`);
      const surveying = { summary: `survey ${plainMarkdown(turned.source)}`, priority: SURVEYS };
      await whole.chartFile.executeWithOptions(surveying, [load]);
      return;
    }
    setCurrentDetails(`**queued** behind load ${turned.behind}`);
    await condition(() => state.myTurn, TURN_POLL);
    state.myTurn = false;
  }
}

/**
 * Loads the chunks of this run, a window of them at a time, and drains.
 *
 * @returns the first chunk of the next run; the number of chunks when there is none
 */
async function loadChunks(input: LoadCsvInput, state: LoadState, begun: BegunLoad): Promise<number> {
  const { loadId, uid, nextChunk = 0 } = input;
  const end = Math.min(begun.chunks, nextChunk + CHUNKS_A_RUN);
  const chunks = Array.from({ length: end - nextChunk }, (_, index) => nextChunk + index);
  show('loading', state, begun);
  await inWindow(
    chunks,
    CHUNK_WINDOW,
    (no) => loadChunk({ loadId, uid }, no, state, begun),
    () => patched('cancel chunks'),
  );
  return end;
}

async function loadChunk(load: LoadStep, no: number, state: LoadState, begun: BegunLoad): Promise<void> {
  for (;;) {
    if (state.paused) {
      show('paused', state, begun);
      await untilResumed(state);
    }
    const summary = `chunk ${no + 1} of ${begun.chunks}`;
    const priority = chunkPriority(load.loadId, begun.chunks, begun.bytes);
    const options = { summary, priority };
    const loaded = await chunkwise.loadChunk.executeWithOptions(options, [{ ...load, chunkNo: no }]);
    if (loaded.state === 'loaded') {
      const { done } = state;
      state.done = {
        chunks: done.chunks + 1,
        bytes: done.bytes + loaded.bytes,
        read: done.read + loaded.read,
        rejected: done.rejected + loaded.rejected,
      };
      show(state.paused ? 'paused' : 'loading', state, begun);
      refuseRejects(state, begun);
      return;
    }
    // The ledger says paused, but the signal is late or was superseded: check again shortly.
    if (!state.paused) await sleep('1s');
  }
}

/** A count can be exceeded before the end; a share, and the rejects that checks find, only when publishing. */
function refuseRejects({ done }: LoadState, { maxRejects }: BegunLoad): void {
  if (maxRejects?.kind === 'count' && done.rejected > maxRejects.value) {
    throw failed('too-many-rejects', `${done.rejected} of the first ${done.read} rows were rejected`);
  }
}

async function publish(load: LoadStep, state: LoadState, begun: BegunLoad): Promise<void> {
  const priority = publishPriority(begun.bytes);
  for (let tried = 1; tried <= PUBLISH_TRIES; tried++) {
    await untilResumed(state);
    show('publishing', state, begun);
    const { outcome } = await whole.publishLoad.executeWithOptions({ summary: 'publish', priority }, [load]);
    if (outcome === 'published') {
      const { read, rejected } = state.done;
      show(read > 0 && rejected === read ? 'done: every row was rejected' : 'done', state, begun);
      return;
    }
    show('checking keys and references', state, begun);
    const { rejected } = await whole.checkLoad.executeWithOptions(
      { summary: 'check keys and references', priority },
      [load],
    );
    state.done = { ...state.done, rejected: state.done.rejected + rejected };
  }
  throw failed('database-refused', 'PostgreSQL refused rows again and again, whatever was rejected');
}

async function untilResumed(state: LoadState): Promise<void> {
  await condition(() => !state.paused);
}

async function endLoad(ledger: LedgerActivities, input: EndLoadInput): Promise<EndedLoad> {
  const ended = await ledger.endLoad(input);
  if (ended.next !== null) {
    // A workflow that has ended meanwhile can't be signalled, and need not be.
    await getExternalWorkflowHandle(ended.next)
      .signal(turn)
      .catch(() => undefined);
  }
  // Answers that were recorded before there were arrivals name none, so that they replay as they ran.
  for (const workflowId of ended.arrived ?? []) {
    await getExternalWorkflowHandle(workflowId)
      .signal(loadEnded)
      .catch(() => undefined);
  }
  return ended;
}

function show(step: string, { done }: LoadState, begun: BegunLoad): void {
  setCurrentDetails(progressDetails({ step, ...done, chunksTotal: begun.chunks, bytesTotal: begun.bytes }));
}

function failed(code: ErrorCode, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code);
}
