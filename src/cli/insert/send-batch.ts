import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchMode } from '../../batches/batch.ts';
import type { CellError } from '../../types.ts';
import { type ApiClient, type Exchanged, type Problem, readObject, UnreachableError } from '../api-client.ts';
import { CliError, EXIT } from '../exit-codes.ts';

/** A transient error, after which the same command may be retried: the platform is away or busy, or Ctrl-C. */
export class PassingError extends CliError {}

export interface BatchRequest {
  readonly table: string;
  readonly mode: BatchMode;
  readonly strict: boolean;
  readonly key: string;
  /** NDJSON */
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface SendOptions {
  /** How long to retry after the first failed try. */
  readonly retryForMs: number;
  /** Aborts at Ctrl-C: a request under way is waited for, none is begun. */
  readonly signal: AbortSignal;
  /** Called with the reason of a retry. */
  readonly onRetry: (reason: string) => void;
}

/** `index` is that of the row in the batch, from 0. */
export interface RowReject {
  readonly index: number;
  readonly errors: readonly CellError[];
}

export type BatchResult =
  | {
      readonly kind: 'answered';
      readonly rows: { readonly accepted: number; readonly rejected: number; readonly discarded: number };
      readonly rejected: readonly RowReject[];
      /** An earlier run, or an earlier try, had inserted it already. */
      readonly replayed: boolean;
    }
  /** Further batches would fail, too. */
  | { readonly kind: 'refused'; readonly error: CliError }
  /** Ctrl-C came before an answer. */
  | { readonly kind: 'unanswered' };

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;
/** Timeout of an answer; the platform answers within its own limit of 50 seconds. */
const ANSWER_LIMIT_MS = 120_000;
/** Ways of a proxy or of the platform to say "not now" (RFC 9110, 15.5.9 and 15.6; RFC 6585, 4). */
const WORTH_ANOTHER_TRY: readonly number[] = [408, 429, 500, 502, 503, 504, 507];

/**
 * Sends a batch until it is answered: the platform may be away, busy, or still at work on it. Retries are idempotent, as
 * every try has the same Idempotency-Key. Never rejects.
 */
export async function sendBatch(
  api: ApiClient,
  request: BatchRequest,
  options: SendOptions,
): Promise<BatchResult> {
  let failedAtMs: number | null = null;
  for (let failures = 0; ; ) {
    const answer = await exchange(api, request);
    if (!('again' in answer)) return answer;
    failedAtMs ??= performance.now();
    // A `Retry-After` is obeyed; the delay grows only without one.
    if (answer.afterMs === null) failures += 1;
    const delayMs = backoffMs(failures) + (answer.afterMs ?? 0);
    if (performance.now() + delayMs - failedAtMs > options.retryForMs) {
      const { exitCode, message } = answer.again;
      return { kind: 'refused', error: new PassingError(exitCode, message, { cause: answer.again }) };
    }
    options.onRetry(answer.again.message);
    const slept = await sleep(delayMs, true, { signal: options.signal }).catch(() => false);
    if (!slept) return { kind: 'unanswered' };
  }
}

/** `again`: the reason of the retry, after `afterMs` at the earliest; null: the answer has no `Retry-After`. */
interface TryAgain {
  readonly again: CliError;
  readonly afterMs: number | null;
}

async function exchange(api: ApiClient, request: BatchRequest): Promise<BatchResult | TryAgain> {
  let answer: Exchanged;
  try {
    answer = await api.exchange(`/v1/tables/${encodeURIComponent(request.table)}/rows?mode=${request.mode}`, {
      method: 'POST',
      body: request.body,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      headers: {
        'content-type': 'application/x-ndjson',
        'idempotency-key': request.key,
        ...(request.strict && { prefer: 'handling=strict' }),
      },
    });
  } catch (error) {
    if (error instanceof UnreachableError) return { again: error, afterMs: null };
    return { kind: 'refused', error: error instanceof CliError ? error : asCliError(error) };
  }
  return readAnswer(api, answer);
}

function readAnswer(api: ApiClient, answer: Exchanged): BatchResult | TryAgain {
  const { status, headers, text } = answer;
  const problem = readObject<Problem>(text);
  if (status === 200 || status === 201 || problem.code === 'batch-rejected') {
    return readOutcome(text, headers) ?? { kind: 'refused', error: api.refusal(status, '') };
  }
  const afterMs = retryAfterMs(headers.get('retry-after'));
  if (status === 202) {
    // It will be committed; the same key asks for its outcome.
    const again = new CliError(EXIT.failed, 'the batch was taken, but its outcome is not known yet');
    return { again, afterMs };
  }
  const again = api.refusal(status, text);
  if (problem.code === 'idempotency-key-in-use' || WORTH_ANOTHER_TRY.includes(status)) {
    return { again, afterMs };
  }
  return { kind: 'refused', error: again };
}

interface OutcomeBody {
  readonly batch?: OutcomeBody;
  readonly rows?: { readonly accepted: number; readonly rejected: number; readonly discarded: number };
  readonly rejected?: readonly RowReject[];
}

function readOutcome(text: string, headers: Headers): BatchResult | null {
  const body = readObject<OutcomeBody>(text);
  const rows = (body.batch ?? body).rows;
  if (rows === undefined) return null;
  return {
    kind: 'answered',
    rows,
    rejected: body.rejected ?? [],
    replayed: headers.get('idempotency-replayed') === 'true',
  };
}

/** Exponential backoff with jitter: half of a doubling delay, and a random part of the other half. */
function backoffMs(failures: number): number {
  const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, failures - 1));
  return (delay * (1 + Math.random())) / 2;
}

/** RFC 9110, 10.2.3: seconds, or a date; null for neither. */
function retryAfterMs(value: string | null): number | null {
  if (value === null) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - Date.now());
}

function asCliError(error: unknown): CliError {
  return new CliError(EXIT.failed, error instanceof Error ? error.message : String(error), { cause: error });
}
