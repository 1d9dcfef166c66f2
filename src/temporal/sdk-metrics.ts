/** Longer than this, and a scrape would rather be without. */
const PATIENCE_MS = 1_000;

/**
 * What Temporal's SDK counts in this process (pollers, slots, latencies of tasks and requests), in Prometheus's text
 * format, from the address that `installRuntime` bound. Empty when it does not answer: a scrape never fails for it.
 */
export async function readSdkMetrics(address: string): Promise<string> {
  try {
    const response = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}
