import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * What this process counts of its own work, for Prometheus. Cheap to call: thousands of times a second. Everything
 * here starts from 0 with the process, and each API process has its own; what the ledger knows of loads and rows is
 * told beside it by `api/metrics-ledger.ts`, the same from every process.
 *
 * Names and units follow Prometheus (prometheus.io/docs/practices/naming): base units, `_total` for counters.
 * Labels have few values: route templates, tables of the dictionary, error codes; never IDs.
 */
export interface Metrics {
  /** A request is answered, or broken off (`status` null). `code` is its problem's, if it was answered with one. */
  requestEnded(request: EndedRequest): void;
  /** A batch has its outcome: its rows as they were sent, and the time since its body was read. */
  batchEnded(batch: { readonly table: string; readonly rows: number; readonly seconds: number }): void;
  /** A group is in the table: the time from its start to the end of its transaction. */
  groupCommitted(group: CommittedGroupSize): void;
  /** Where to read, at each scrape, how many batches wait or are being committed, and the bytes of their bodies. */
  watchQueue(read: () => { readonly batches: number; readonly bytes: number }): void;
  /** The registry that all of it is in; further gauges may be added at the start. */
  readonly registry: Registry;
}

export interface EndedRequest {
  readonly method: string;
  /** The template, as `/v1/loads/{id}`; null where nothing matched. */
  readonly route: string | null;
  readonly status: number | null;
  readonly code: string | null;
  readonly seconds: number;
}

export interface CommittedGroupSize {
  readonly table: string;
  readonly batches: number;
  readonly rows: number;
  readonly seconds: number;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const ROWS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Where no route matched, or a method that HTTP has not: a client must not invent label values. */
const NONE = 'none';
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Histogram({
    name: 'longshore_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer, by route template; status 0: the client broke it off. Of this process.',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  const problems = new Counter({
    name: 'longshore_http_problems_total',
    help: 'Requests answered with a problem, by its code; rate-limited and overloaded among them. Of this process.',
    labelNames: ['route', 'code'],
    registers,
  });
  const batchRows = new Histogram({
    name: 'longshore_batch_rows',
    help: 'Rows of a batch, as sent. Of this process.',
    labelNames: ['table'],
    buckets: ROWS,
    registers,
  });
  const batchSeconds = new Histogram({
    name: 'longshore_batch_duration_seconds',
    help: 'Time from a batch having been read to its outcome. Of this process.',
    labelNames: ['table'],
    buckets: SECONDS,
    registers,
  });
  const groupBatches = new Histogram({
    name: 'longshore_group_batches',
    help: 'Batches that one workflow committed together. Of this process.',
    labelNames: ['table'],
    buckets: BATCHES,
    registers,
  });
  const groupRows = new Histogram({
    name: 'longshore_group_rows',
    help: 'Rows that one workflow committed together. Of this process.',
    labelNames: ['table'],
    buckets: ROWS,
    registers,
  });
  const groupSeconds = new Histogram({
    name: 'longshore_group_commit_duration_seconds',
    help: 'Time from the start of a group to the end of its transaction. Of this process.',
    labelNames: ['table'],
    buckets: SECONDS,
    registers,
  });
  return {
    registry,
    requestEnded({ method, route, status, code, seconds }) {
      const labels = { method: METHODS.has(method) ? method : NONE, route: route ?? NONE };
      requests.observe({ ...labels, status: status ?? 0 }, seconds);
      if (code !== null) problems.inc({ route: labels.route, code });
    },
    batchEnded({ table, rows, seconds }) {
      batchRows.observe({ table }, rows);
      batchSeconds.observe({ table }, seconds);
    },
    groupCommitted({ table, batches, rows, seconds }) {
      groupBatches.observe({ table }, batches);
      groupRows.observe({ table }, rows);
      groupSeconds.observe({ table }, seconds);
    },
    watchQueue(read) {
      const gauges = [
        ['longshore_queue_batches', 'Batches that wait or are being committed. Of this process.', 'batches'],
        ['longshore_queue_bytes', 'Bytes of the bodies of those batches. Of this process.', 'bytes'],
      ] as const;
      for (const [name, help, member] of gauges) {
        registry.registerMetric(
          new Gauge({
            name,
            help,
            registers: [],
            collect() {
              this.set(read()[member]);
            },
          }),
        );
      }
    },
  };
}
