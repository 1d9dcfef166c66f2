import { createServer } from 'node:http';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { addDependencyMetrics } from '../src/metrics/dependencies.ts';
import { createReadiness } from '../src/metrics/readiness.ts';
import { readSdkMetrics } from '../src/temporal/sdk-metrics.ts';
import type { WorkerService } from './start-worker.ts';

export interface MetricsServer {
  /** The worker has started. */
  serving(service: Pick<WorkerService, 'worker' | 'dependencies'>): void;
  /** The worker was told to stop. */
  stopping(): void;
  stop(): Promise<void>;
}

/**
 * What an activity worker serves: `GET /metrics` for Prometheus, of its process and of Temporal's SDK, and `/healthz` and
 * `/readyz` as the API has them, from the first moment on. Holds no names and no data, so it needs no API key; it listens
 * on LONGSHORE_HOST only.
 *
 * @throws what listening throws, such as EADDRINUSE: a configured port that is not available stops the start.
 */
export async function serveMetrics(
  at: { readonly host: string; readonly port: number },
  sdkMetricsAddress: string,
): Promise<MetricsServer> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  let phase: 'starting' | 'serving' | 'stopping' = 'starting';
  let service: Pick<WorkerService, 'worker' | 'dependencies'> | undefined;
  const readiness = createReadiness({
    phase: () => phase,
    workers: () => ({ ...(service && { activities: service.worker }) }),
    dependencies: async () => service?.dependencies() ?? null,
  });
  const answers: Readonly<Record<string, () => Promise<Answer>>> = {
    '/healthz': async () => json(200, { ok: true }),
    '/readyz': async () => {
      const state = await readiness();
      return json(state.ok ? 200 : 503, state);
    },
    '/metrics': async () => {
      const [own, sdk] = await Promise.all([registry.metrics(), readSdkMetrics(sdkMetricsAddress)]);
      return { status: 200, type: registry.contentType, body: own + sdk };
    },
  };
  const server = createServer(async (req, res) => {
    const answer = Object.hasOwn(answers, req.url ?? '') ? answers[req.url!] : undefined;
    if (answer === undefined) return res.writeHead(404).end();
    if (req.method !== 'GET' && req.method !== 'HEAD')
      return res.writeHead(405, { Allow: 'GET, HEAD' }).end();
    const { status, type, body } = await answer();
    return res.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  return {
    serving(started) {
      service = started;
      addDependencyMetrics(registry, started.dependencies);
      if (phase === 'starting') phase = 'serving';
    },
    stopping() {
      phase = 'stopping';
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(value) };
}
