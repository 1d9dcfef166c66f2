import { parentPort, workerData } from 'node:worker_threads';
import { compactTemporalFile } from './temporal-file.ts';

/** A thread: compacts the embedded Temporal's database, and says by how much. */
const { path } = workerData as { readonly path: string };
parentPort?.postMessage(compactTemporalFile(path));
