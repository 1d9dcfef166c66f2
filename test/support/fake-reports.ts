import { setTimeout as sleep } from 'node:timers/promises';
import { createReportService } from '../../api/reports/report-service.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import type { LiveReport } from '../../src/reports/ensure-reports.ts';
import { BUNDLED_REPORTS, readReports } from '../../src/reports/read-reports.ts';
import type { ReportColumn, ReportState } from '../../src/reports/report.ts';
import type { ChartData, ReportPage } from '../../src/reports/report-reader.ts';
import type { ReportRequest } from '../../src/reports/report-request.ts';
import type { ReportService } from '../../src/reports/report-service.ts';
import sample from '../../src/sample/datapackage.json' with { type: 'json' };

const COLUMNS: Readonly<Record<string, readonly ReportColumn[]>> = {
  'hires-by-quarter': [
    { name: 'year', type: 'integer' },
    { name: 'department', type: 'text' },
    { name: 'job', type: 'text' },
    ...['Q1', 'Q2', 'Q3', 'Q4', 'department_id', 'job_id'].map((name) => ({ name, type: 'bigint' as const })),
  ],
  'departments-above-mean': [
    { name: 'year', type: 'integer' },
    { name: 'id', type: 'bigint' },
    { name: 'department', type: 'text' },
    { name: 'hired', type: 'bigint' },
  ],
};

/** The sample's reports over views in memory, which a test fills and counts the reads of. */
export class FakeReports {
  readonly service: ReportService;
  state: Omit<ReportState, 'name'> = {
    version: 1,
    asOf: '2026-11-21T14:00:00.123Z',
    seconds: 0.2,
    rows: 2,
    includes: { load: 3, group: null },
    stale: false,
    failure: null,
  };
  page: Omit<ReportPage, 'version'> = { total: 0, rows: [] };
  bars: ChartData['bars'] = [];
  readonly asked: ReportRequest[] = [];
  /** Reads of states and of views so far. */
  reads = { state: 0, view: 0 };
  /** Called before each read of a view. */
  onRead: () => Promise<void> | void = () => undefined;

  private constructor(reports: readonly LiveReport[]) {
    this.service = createReportService({
      reports,
      state: async (name) => {
        this.reads.state++;
        await sleep(5);
        return { name, ...this.state };
      },
      reader: {
        page: async (_report, request) => {
          this.asked.push(request);
          const version = await this.#read();
          return { ...this.page, version };
        },
        chart: async () => {
          const version = await this.#read();
          return { bars: this.bars, categories: this.bars.length, version };
        },
      },
    });
  }

  static async open(): Promise<FakeReports> {
    const read = await readReports(
      BUNDLED_REPORTS,
      parseDictionary(sample).tables.map(({ name }) => name),
    );
    return new FakeReports(read.map((report) => ({ ...report, columns: COLUMNS[report.name]! })));
  }

  async #read(): Promise<number> {
    this.reads.view++;
    await this.onRead();
    return this.state.version;
  }
}
