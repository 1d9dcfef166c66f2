import { createServer } from 'node:http';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { readSdkMetrics } from '../src/temporal/sdk-metrics.ts';

export interface MetricsServer {
  stop(): Promise<void>;
}

/**
 * `GET /metrics` of an activity worker, for Prometheus: its process, and what Temporal's SDK counts. Holds no names
 * and no data, so it needs no API key; it listens on LONGSHORE_HOST only.
 *
 * @throws what listening throws, such as EADDRINUSE: a configured port that is not available stops the start.
 */
export async function serveMetrics(
  at: { readonly host: string; readonly port: number },
  sdkMetricsAddress: string,
): Promise<MetricsServer> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const server = createServer(async (req, res) => {
    if (req.url !== '/metrics') return res.writeHead(404).end();
    if (req.method !== 'GET') return res.writeHead(405, { Allow: 'GET' }).end();
    const [own, sdk] = await Promise.all([registry.metrics(), readSdkMetrics(sdkMetricsAddress)]);
    return res.writeHead(200, { 'Content-Type': registry.contentType }).end(own + sdk);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
