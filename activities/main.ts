import { LongshoreError } from '../src/errors.ts';
import { freePort } from '../src/platform/ports.ts';
import { runChild } from '../src/runtime/child.ts';
import { installRuntime } from '../src/temporal/worker-runtime.ts';
import { serveMetrics } from './metrics-server.ts';
import { startWorker } from './start-worker.ts';

await runChild('worker', async ({ config, log, name }) => {
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
});
