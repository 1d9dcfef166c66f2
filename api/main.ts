import { freePort } from '../src/platform/ports.ts';
import { runChild } from '../src/runtime/child.ts';
import { installRuntime } from '../src/temporal/worker-runtime.ts';
import { startApi } from './start-api.ts';

await runChild('api', async ({ config, log }) => {
  // Only for this process, whose /metrics includes it.
  const sdkMetricsAddress = `127.0.0.1:${await freePort()}`;
  installRuntime(log, { metricsAddress: sdkMetricsAddress });
  return startApi({ config, log, sdkMetricsAddress });
});
