import type { Response } from 'express';
import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import { hasEnded, type JobView } from '../../src/jobs/job.ts';
import type { JobName } from '../../src/jobs/job-kind.ts';
import type { Jobs } from '../../src/jobs/jobs.ts';
import { contextOf } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { waitSignal } from './gone.ts';
import { HttpError } from './http-error.ts';
import { applyPreferences, MAX_WAIT_SECONDS, preferencesOf, preferredWait } from './prefer.ts';
import type { Call } from './route.ts';

/** The differences between the answers about jobs of each kind. */
export interface JobResource<View extends JobView> {
  /** Name in the log, and of the member of a problem that has the job. */
  readonly name: JobName;
  /** The error of a cancelled job, for which the ledger has none. */
  readonly cancelled: ErrorCode;
  path(id: View['id']): string;
  /** The job with its links. */
  answer(view: View, deps: ApiDeps): object;
}

/** The request header of a route that starts a job. */
export const waitHeader = z.object({
  Prefer: z.string().optional().meta({ description: 'wait=N: wait up to N seconds', example: 'wait=30' }),
});

export const waitedHeader = z.object({
  'Preference-Applied': z.string().optional().meta({ description: 'The wait that was honoured' }),
});

export function startedHeaders(name: JobName) {
  return waitedHeader.extend({ Location: z.string().meta({ description: `The ${name}` }) });
}

/** For the description of a route that starts a job. */
export function aboutWaiting(name: JobName): string {
  return (
    `\`Prefer: wait=N\` (at most ${MAX_WAIT_SECONDS}) waits for the end; a ${name} that fails meanwhile is answered ` +
    `with a problem that has the ${name} as its member \`${name}\`.`
  );
}

type AnyCall = Pick<Call<string, unknown, unknown>, 'req' | 'res' | 'deps'>;

/** How long the client prefers to wait (RFC 7240, 4.3), confirmed in the answer; null: it has no such preference. */
export function applyWait({ req, res }: Pick<AnyCall, 'req' | 'res'>): number | null {
  const seconds = preferredWait(preferencesOf(req));
  if (seconds === null) return null;
  applyPreferences(res, [`wait=${seconds}`]);
  return seconds * 1000;
}

/**
 * Answers a request that has started a job: 202 with its location; after a wait 201 when it is done, or the problem of
 * its failure.
 * @param found of a job that an earlier, equal request may have started (`existing`; then 200): more members of the answer
 */
export async function answerStarted<View extends JobView>(
  call: AnyCall,
  resource: JobResource<View>,
  jobs: Pick<Jobs<View>, 'wait'>,
  started: View,
  found?: { readonly existing: boolean; readonly [member: string]: unknown },
): Promise<void> {
  const { res, deps } = call;
  noteJob(res, resource, started);
  const waitMs = applyWait(call);
  let job = started;
  if (waitMs !== null) {
    if (!hasEnded(job)) job = await jobs.wait(job.id, waitMs, waitSignal(res));
    if (job.status === 'failed' || job.status === 'cancelled') throw problemOfJob(resource, job, deps);
  }
  res
    .status(found?.existing ? 200 : hasEnded(job) ? 201 : 202)
    .location(resource.path(job.id))
    .json({ ...resource.answer(job, deps), ...found });
}

/** Adds the job and its workflow to the log's line of this request, and to its entry of the audit log. */
export function noteJob<View extends JobView>(
  res: Response,
  { name }: JobResource<View>,
  { id, workflowId }: View,
): void {
  const context = contextOf(res);
  context.job = { name, id };
  context.workflowId = workflowId;
}

/**
 * The problem of a job that was not done: its own error, with the job as a member, so that a waiting client learns as
 * much as one that queries it later.
 */
function problemOfJob<View extends JobView>(
  { name, cancelled, path, answer }: JobResource<View>,
  job: View,
  deps: ApiDeps,
): HttpError {
  const code = job.error?.code ?? (job.status === 'cancelled' ? cancelled : 'internal');
  return new HttpError(code, job.error?.message ?? ERRORS[code].title, {
    headers: { Location: path(job.id) },
    members: { [name]: answer(job, deps) },
  });
}
