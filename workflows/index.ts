/** The bundle's entry: every workflow, by the name it is started with. */
export { commitBatches } from './commit-batches.ts';
export { loadCsv } from './load-csv.ts';
