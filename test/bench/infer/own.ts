import { createReadStream } from 'node:fs';
import { infer } from '../../../src/infer/infer.ts';

/** In a process of its own: infers the file that is named, and prints what it took. */
const path = process.argv[2]!;
const startedAt = performance.now();
const before = process.cpuUsage();
const { files } = await infer([
  { name: 'bench.csv', open: () => createReadStream(path, { highWaterMark: 1 << 20 }) },
]);
const { user, system } = process.cpuUsage(before);
console.log(
  JSON.stringify({
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: (user + system) / 1e6,
    mostMb: process.resourceUsage().maxRSS / 1024,
    rows: files[0]?.rows,
  }),
);
