import { runChild } from '../src/runtime/child.ts';
import { installRuntime } from '../src/temporal/worker-runtime.ts';
import { startWorker } from './start-worker.ts';

await runChild('worker', ({ config, log, name }) => {
  installRuntime(log);
  return startWorker({ config, name });
});
