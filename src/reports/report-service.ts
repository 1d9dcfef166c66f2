import type { LiveReport } from './ensure-reports.ts';
import type { ReportState } from './report.ts';
import type { ReportRequest } from './report-request.ts';

/** A request for a report's rows, or its chart. */
export type ReportAsk =
  | { readonly format: 'json' | 'csv'; readonly request: ReportRequest }
  | { readonly format: 'svg'; readonly drawing: ChartRequest };

export interface ChartRequest {
  readonly equals: ReportRequest['equals'];
  /** Pixels */
  readonly width: number;
  /** Pixels; null: as high as its bars need. */
  readonly height: number | null;
}

export interface ReportAnswer {
  /** Strong (RFC 9110, 8.8.3): the same one means the same bytes. */
  readonly etag: string;
  /** Of the view that the answer is made from. */
  readonly state: ReportState;
  /** null: the client has it already. */
  readonly rendered: Rendered | null;
}

export interface ReportService {
  readonly reports: readonly LiveReport[];
  state(report: LiveReport): Promise<ReportState>;
  /**
   * The state is read each time, so a cached answer is never older than a new one; the view itself is read only for an
   * answer that is not cached.
   * @param isKnown whether the client has the answer with this ETag
   * @throws LongshoreError `report-slow`, `database-unavailable`
   */
  answer(report: LiveReport, ask: ReportAsk, isKnown: (etag: string) => boolean): Promise<ReportAnswer>;
}

/** An answer's body, ready to send. */
export interface Rendered {
  readonly body: Buffer;
  /** Rows on all pages; null where there are no pages. */
  readonly total: number | null;
  /** Rows of this page; a page of long rows has fewer than its limit. */
  readonly count: number | null;
}
