import { benchBackup } from './backup.ts';
import { benchBatch } from './batch.ts';
import { benchFairness } from './fairness.ts';
import { benchInfer } from './infer.ts';
import { benchLoad } from './load.ts';
import { benchMemory } from './memory.ts';
import { benchPacked } from './packed.ts';
import { benchReport } from './report.ts';
import { benchRestore } from './restore.ts';
import { benchShape } from './shape.ts';
import { benchStart } from './start.ts';

/** `npm run bench -- NAME`: prints measurements, asserts nothing. Absolute times of one machine mean little: read the ratios. */
const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  backup: benchBackup,
  batch: benchBatch,
  fairness: benchFairness,
  infer: benchInfer,
  load: benchLoad,
  memory: benchMemory,
  packed: benchPacked,
  report: benchReport,
  restore: benchRestore,
  shape: benchShape,
  start: benchStart,
};

const [name = '', ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (!bench) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join(' | ')}`);
  process.exit(2);
}
await bench(args);
