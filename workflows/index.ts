/** The bundle's entry: every workflow, by the name it is started with. */
export { loadCsv } from './load-csv.ts';
