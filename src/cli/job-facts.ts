import type { JobError, JobView } from '../jobs/job.ts';
import { plain } from './format.ts';
import { remedyFor } from './remedies.ts';

/** A name and its value; one without a value is not shown. */
export type Fact = readonly [string, string | null];

/** What went wrong with a job, or goes wrong and is retried. */
export function troubleFacts({ error, waitingFor, note }: JobView): readonly Fact[] {
  const trouble = error ?? waitingFor;
  const words = (of: JobError | null) => of && `${plain(of.message)} (${of.code})`;
  return [
    ['retries', words(waitingFor)],
    ['error', words(error)],
    ['remedy', trouble && (remedyFor(trouble.code, trouble.remedy) ?? null)],
    ['note', note],
  ];
}

/** One a line. */
export function factLines(facts: readonly Fact[]): string[] {
  return facts.filter(([, value]) => value !== null).map(([name, value]) => `  ${name.padEnd(10)}${value}`);
}
