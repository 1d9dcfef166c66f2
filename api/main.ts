import { checkStart } from '../src/platform/check-start.ts';
import { freePort } from '../src/platform/ports.ts';
import { type ChildContext, type ChildService, runChild } from '../src/runtime/child.ts';
import { installRuntime } from '../src/temporal/worker-runtime.ts';
import { startApi } from './start-api.ts';

/** Load balancers ask for `/readyz` every few seconds. `npm start`, which has none before it, sets 0. */
const DRAIN_SECONDS = 5;

const service = async ({ config, log }: ChildContext): Promise<ChildService> => {
  // Only for this process, whose /metrics includes it.
  const sdkMetricsAddress = `127.0.0.1:${await freePort()}`;
  installRuntime(log, { metricsAddress: sdkMetricsAddress });
  const drainSeconds = config.drainSeconds ?? DRAIN_SECONDS;
  return startApi({ config, log, sdkMetricsAddress, drainSeconds });
};

await runChild('api', service, (env) => checkStart(env, 'api'));
