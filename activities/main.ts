import { LongshoreError } from '../src/errors.ts';
import { checkStart } from '../src/platform/check-start.ts';
import { freePort } from '../src/platform/ports.ts';
import { type ChildContext, type ChildService, runChild } from '../src/runtime/child.ts';
import { installRuntime } from '../src/temporal/worker-runtime.ts';
import { serveMetrics } from './metrics-server.ts';
import { startWorker } from './start-worker.ts';

const service = async ({ config, log, name }: ChildContext): Promise<ChildService> => {
  const { host, metricsPort } = config;
  if (metricsPort === undefined) {
    installRuntime(log);
    return startWorker({ config, log, name });
  }
  const metricsAddress = `127.0.0.1:${await freePort()}`;
  installRuntime(log, { metricsAddress });
  const metrics = await serveMetrics({ host, port: metricsPort }, metricsAddress).catch((cause) => {
    throw new LongshoreError('config-invalid', `LONGSHORE_METRICS_PORT: ${host}:${metricsPort} is not free`, {
      cause,
    });
  });
  const service = await startWorker({ config, log, name });
  metrics.serving(service);
  return {
    ...service,
    async stop() {
      metrics.stopping();
      await service.stop();
      await metrics.stop();
    },
  };
};

await runChild('worker', service, (env) => checkStart(env, 'worker'));
