import { createHash } from 'node:crypto';
import packageJson from '../../package.json' with { type: 'json' };
import { LongshoreError } from '../../src/errors.ts';
import type { LiveReport } from '../../src/reports/ensure-reports.ts';
import type { ReportState } from '../../src/reports/report.ts';
import type { ReportReader } from '../../src/reports/report-reader.ts';
import type { Rendered, ReportAsk, ReportService } from '../../src/reports/report-service.ts';
import { AnswerCache } from './answer-cache.ts';
import { drawChart } from './draw-chart.ts';
import { pageCsv, pageJson } from './render-page.ts';
import { sharedRead } from './shared-read.ts';

export interface ReportServiceDeps {
  readonly reports: readonly LiveReport[];
  readonly reader: Pick<ReportReader, 'page' | 'chart'>;
  state(name: string): Promise<ReportState>;
}

/** A refresh takes longer than a read: it can come between a few times only when the reads wait for long. */
const TRIES = 5;

export function createReportService({ reports, reader, state }: ReportServiceDeps): ReportService {
  const cache = new AnswerCache();
  const states = new Map(reports.map(({ name }) => [name, sharedRead(() => state(name))]));
  const stateOf = ({ name }: LiveReport) => states.get(name)!();
  return {
    reports,
    state: stateOf,
    async answer(report, ask, isKnown) {
      const key = JSON.stringify([report.name, ask]);
      for (let tries = 0; tries < TRIES; tries++) {
        const found = await stateOf(report);
        const etag = etagOf(key, ask, found);
        if (isKnown(etag)) return { etag, state: found, rendered: null };
        const rendered = await cache.get(key, etag, () => render(reader, report, ask, found));
        if (rendered !== null) return { etag, state: found, rendered };
      }
      throw new LongshoreError('report-slow', `report ${report.name} was refreshed each time it was read`);
    },
  };
}

/** null: the view's version differs from the state's. */
async function render(
  reader: ReportServiceDeps['reader'],
  report: LiveReport,
  ask: ReportAsk,
  state: ReportState,
): Promise<Rendered | null> {
  if (ask.format === 'svg') {
    const chart = report.chart!;
    const data = await reader.chart(report, chart, ask.drawing.equals);
    if (data.version !== state.version) return null;
    const svg = await drawChart({ report, chart, data, state, drawing: ask.drawing });
    return { body: Buffer.from(svg), total: null, count: null };
  }
  const page = await reader.page(report, ask.request);
  if (page.version !== state.version) return null;
  const text = ask.format === 'csv' ? pageCsv(report, page) : pageJson(report, ask.request, state, page);
  return { body: Buffer.from(text), total: page.total, count: page.rows.length };
}

/** The ETag of everything that the bytes depend on; only JSON shows whether the report is stale. */
function etagOf(key: string, { format }: ReportAsk, { version, asOf, includes, stale }: ReportState): string {
  const parts = [packageJson.version, key, version, asOf, includes, format === 'json' && stale];
  return `"${version}-${createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)}"`;
}
