/** Names and shapes that the workflows of arrivals share with their callers. Pure: safe in workflow code. */

export const LOOK_AT_ARRIVAL = 'lookAtArrival';
export const ARRIVE_FILE = 'arriveFile';

export interface LookAtArrivalInput {
  readonly arrivalId: string;
}

export interface ArriveFileInput {
  readonly fileId: number;
  /** Workflow of the arrival's looks, which takes the next files when this one has ended. */
  readonly looking: string;
}

/** Signals to the looks: look now; a file has ended, so that another one may be taken. */
export const LOOK = 'look';
export const FILE_ENDED = 'fileEnded';

/** Signal to a file's workflow: it was taken once more, perhaps while this workflow was about to end. */
export const TRY_AGAIN = 'tryAgain';
