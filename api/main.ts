import { runChild } from '../src/runtime/child.ts';
import { installRuntime } from '../src/temporal/worker-runtime.ts';
import { startApi } from './start-api.ts';

await runChild('api', ({ config, log }) => {
  installRuntime(log);
  return startApi({ config, log });
});
