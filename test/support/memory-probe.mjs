// Preloaded (`node --expose-gc --import`) into a process whose memory is of interest: tells on stderr, at the end, how
// much it has held at most after a collection. That is what the program holds; what the process has beside (garbage
// that V8 lets lie as long as there is memory, free pages, huge pages) differs from machine to machine.
import { writeSync } from 'node:fs';

const EVERY_MS = 500;
let [peak, looks] = [0, 0];

const look = () => {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  peak = Math.max(peak, heapUsed + external);
  looks += 1;
};
setInterval(look, EVERY_MS).unref();
process.once('exit', () => writeSync(2, `held ${peak} bytes at most, in ${looks} looks\n`));
