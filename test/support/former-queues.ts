import { activityQueue, FORMER_QUEUE } from '../../src/installation/names.ts';

/** Task queues before installations had IDs. What began there ends there; what begins now has the installation's. */
export const WORKFLOW_QUEUE = FORMER_QUEUE;

export const ACTIVITY_QUEUE = activityQueue(FORMER_QUEUE);
