/**
 * How an installation is named in Temporal, which several may share: by its ID in task queues, workflow IDs and
 * schedule IDs. Pure: safe in workflow code.
 */

/** Task queue of workflows before installations had IDs; what began there ends there. */
export const FORMER_QUEUE = 'longshore';

/** Task queue of workflows and of the short activities that run beside them. */
export function workflowQueue(installationId: string): string {
  return `${FORMER_QUEUE}-${installationId}`;
}

/** Task queue of the activity workers that serve the workflows of a queue. */
export function activityQueue(queueOfWorkflows: string): string {
  return `${queueOfWorkflows}-activities`;
}

/** Task queue without tasks: the processes of an installation poll it to show that they are alive. */
export function processQueue(queueOfWorkflows: string): string {
  return `${queueOfWorkflows}-processes`;
}

/** The ID in Temporal of a workflow or a schedule of the installation. */
export function nameIn(installationId: string, name: string): string {
  return `${installationId}-${name}`;
}

/** The number keeps it readable; the random part keeps it unique even if the ledger is restored from an older copy. */
export function numberedName(kind: string, id: number, uid: string): string {
  return `${kind}-${id}-${uid.replaceAll('-', '').slice(0, 12)}`;
}
