import type { ActivityInterfaceFor, ActivityOptions, UntypedActivities } from '@temporalio/workflow';
import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import { activityQueue } from '../src/installation/names.ts';

/**
 * Activities of the activity workers. Their queue is that of the workflow's own installation, which is known only once
 * a workflow runs; `proxyActivities` without a queue gives those that run beside the workflows.
 */
export function workerActivities<A = UntypedActivities>(options: ActivityOptions): ActivityInterfaceFor<A> {
  return new Proxy({} as ActivityInterfaceFor<A>, {
    get: (_, name) =>
      Reflect.get(
        proxyActivities<A>({ ...options, taskQueue: activityQueue(workflowInfo().taskQueue) }) as object,
        name,
      ),
  });
}
