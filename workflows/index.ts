/** The bundle's entry: every workflow, by the name it is started with. */
export { arriveFile } from './arrive-file.ts';
export { backUp } from './back-up.ts';
export { commitBatches } from './commit-batches.ts';
export { loadCsv } from './load-csv.ts';
export { lookAtArrival } from './look-at-arrival.ts';
export { refreshOnSchedule } from './refresh-on-schedule.ts';
export { refreshReport } from './refresh-report.ts';
export { restore } from './restore.ts';
export { runSchedule } from './run-schedule.ts';
export { tidyLedger } from './tidy-ledger.ts';
/** For every other name: without it, each task of such a workflow would fail and be retried for ever. */
export { unknownWorkflow as default } from './unknown-workflow.ts';
