import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { BatchMetrics } from '../batches/batch-metrics.ts';
import { COUNTER_TABLES, HISTOGRAM_TABLES, TableLabels } from './table-labels.ts';

/**
 * What this process counts of its own work, for Prometheus. Cheap to call: thousands of times a second. Everything
 * here starts from 0 with the process, and each API process has its own; what the ledger knows of loads and rows is
 * told beside it by `src/metrics/ledger-metrics.ts`, the same from every process.
 *
 * Names and units follow Prometheus (prometheus.io/docs/practices/naming): base units, `_total` for counters.
 * Labels have few values: route templates, tables of the dictionary (`TableLabels`), error codes; never IDs.
 */
export interface Metrics extends BatchMetrics {
  /** A request is answered, or broken off (`status` null). `code` is its problem's, if it was answered with one. */
  requestEnded(request: EndedRequest): void;
  /** The registry that all of it is in; further gauges may be added at the start. */
  readonly registry: Registry;
  /** In Prometheus's text format: everything, or no series of other tables than these. */
  text(tables?: readonly string[] | null): Promise<string>;
}

export interface EndedRequest {
  readonly method: string;
  /** The template, as `/v1/loads/{id}`; null where nothing matched. */
  readonly route: string | null;
  readonly status: number | null;
  readonly code: string | null;
  readonly seconds: number;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const ROWS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const OUTCOMES = ['accepted', 'rejected', 'discarded'] as const;
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Where no route matched, or a method that HTTP has not: a client must not invent label values. */
const NONE = 'none';
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** @param sdk text of the metrics of Temporal's SDK in this process; see `readSdkMetrics` */
export function createMetrics(sdk: () => Promise<string> = async () => ''): Metrics {
  const registry = new Registry();
  const { requests, problems, batches, groups } = define(registry);
  const histograms = new TableLabels(HISTOGRAM_TABLES);
  const counters = new TableLabels(COUNTER_TABLES);
  return {
    registry,
    async text(tables = null) {
      const [own, temporal] = await Promise.all([registry.metrics(), sdk()]);
      return (tables === null ? own : seriesOf(own, tables)) + temporal;
    },
    requestEnded({ method, route, status, code, seconds }) {
      const labels = { method: METHODS.has(method) ? method : NONE, route: route ?? NONE };
      requests.observe({ ...labels, status: status ?? 0 }, seconds);
      if (code !== null) problems.inc({ route: labels.route, code });
    },
    batchEnded({ table: name, rows, seconds }) {
      const table = histograms.of(name);
      if (rows.sent !== null) batches.size.observe({ table }, rows.sent);
      const counted = counters.of(name);
      for (const outcome of OUTCOMES) batches.rows.inc({ table: counted, outcome }, rows[outcome]);
      batches.seconds.observe({ table }, seconds);
    },
    groupCommitted({ table: name, batches: count, rows, seconds }) {
      const table = histograms.of(name);
      groups.batches.observe({ table }, count);
      groups.rows.observe({ table }, rows);
      groups.seconds.observe({ table }, seconds);
    },
    watchQueue(read) {
      const gauge = (name: string, help: string, member: 'batches' | 'bytes') =>
        new Gauge({
          name: `longshore_queue_${name}`,
          help: `${help} Of this process.`,
          registers: [registry],
          collect() {
            this.set(read()[member]);
          },
        });
      gauge('batches', 'Batches that wait or are being committed.', 'batches');
      gauge('bytes', 'Bytes of the bodies of batches that wait or are being committed.', 'bytes');
    },
  };
}

/** The label of a series that is about one table; its value with `\\`, `\"` and `\n` as the format writes them. */
const TABLE_LABEL = /[{,]table="((?:[^"\\]|\\.)*)"/;

/** Without the series of other tables. What is counted over all tables stays: it names none. */
function seriesOf(text: string, tables: readonly string[]): string {
  const written = new Set(tables.map(labelText));
  return text
    .split('\n')
    .filter((line) => {
      const table = TABLE_LABEL.exec(line)?.[1];
      return table === undefined || written.has(table);
    })
    .join('\n');
}

function labelText(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function define(registry: Registry) {
  const registers = [registry];
  const histogram = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    buckets: number[],
  ) =>
    new Histogram({
      name: `longshore_${name}`,
      help: `${help} Of this process.`,
      labelNames,
      buckets,
      registers,
    });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `longshore_${name}_total`, help: `${help} Of this process.`, labelNames, registers });
  const ofTable = ['table'] as const;
  return {
    requests: histogram(
      'http_request_duration_seconds',
      'Time from a request to the end of its answer, by route template; status 0: the client broke it off.',
      ['method', 'route', 'status'],
      SECONDS,
    ),
    problems: counter(
      'http_problems',
      'Requests answered with a problem, by its code; rate-limited and overloaded among them.',
      ['route', 'code'],
    ),
    batches: {
      size: histogram('batch_size_rows', 'Rows of a batch, as sent.', ofTable, ROWS),
      rows: counter('batch_rows', 'Rows of batches, by what became of them.', ['table', 'outcome']),
      seconds: histogram(
        'batch_duration_seconds',
        'Time from a batch having been read to its outcome.',
        ofTable,
        SECONDS,
      ),
    },
    groups: {
      batches: histogram(
        'group_size_batches',
        'Batches that one workflow committed together.',
        ofTable,
        BATCHES,
      ),
      rows: histogram('group_size_rows', 'Rows that one workflow committed together.', ofTable, ROWS),
      seconds: histogram(
        'group_commit_duration_seconds',
        'Time from the start of a group to the end of its transaction.',
        ofTable,
        SECONDS,
      ),
    },
  };
}
