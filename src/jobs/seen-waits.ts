import { LRUCache } from 'lru-cache';
import type { JobError } from './job.ts';

/**
 * How long a job that waits for nothing is taken to go on like that. Temporal is asked for it at most this often, however
 * many programs ask for the job how many times a second; what it waits for is always what it waits for now.
 */
const GOES_ON_MS = 2_000;
const MOST = 1_000;

/** @returns what `look` finds, of a workflow that waited for nothing a moment ago: nothing */
export function seenWaits(
  look: (workflowId: string) => Promise<JobError | null>,
): (workflowId: string) => Promise<JobError | null> {
  const looks = new LRUCache<string, Promise<JobError | null>>({ max: MOST, ttl: GOES_ON_MS });
  return (workflowId) => {
    const seen = looks.get(workflowId);
    if (seen !== undefined) return seen;
    const looking = look(workflowId);
    looks.set(workflowId, looking);
    const forget = () => void (looks.peek(workflowId) === looking && looks.delete(workflowId));
    looking.then((found) => found !== null && forget(), forget);
    return looking;
  };
}
