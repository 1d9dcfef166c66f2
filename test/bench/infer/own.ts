import { createReadStream } from 'node:fs';
import { infer } from '../../../src/infer/infer.ts';

/** In a process of its own: infers the file that is named, and prints what it took. */
const path = process.argv[2]!;
const startedAt = performance.now();
const { files } = await infer([
  { name: 'bench.csv', open: () => createReadStream(path, { highWaterMark: 1 << 20 }) },
]);
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
console.log(
  JSON.stringify({
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    mostMb: maxRSS / 1024,
    rows: files[0]?.rows,
  }),
);
