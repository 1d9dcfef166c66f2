import type { LiveReport } from '../../src/reports/ensure-reports.ts';
import type { ReportRequest } from '../../src/reports/report-request.ts';

/** Addresses of the pages around one; null where there is none. */
export interface PageLinks {
  readonly first: string;
  readonly last: string;
  readonly next: string | null;
  readonly previous: string | null;
}

export function reportPath({ name }: Pick<LiveReport, 'name'>): string {
  return `/v1/reports/${encodeURIComponent(name)}`;
}

/** @param page rows of all pages, and of this one: long rows end a page before its limit */
export function pageLinks(
  report: LiveReport,
  request: ReportRequest,
  { total, count }: { readonly total: number; readonly count: number },
  format: 'json' | 'csv',
): PageLinks {
  const { limit, offset } = request;
  const at = (start: number) => pagePath(report, { ...request, offset: start }, format);
  // Pages count from where this one begins, which need not be a multiple of the limit.
  const lastOffset =
    total === 0 ? 0 : (offset % limit) + Math.floor((total - 1 - (offset % limit)) / limit) * limit;
  return {
    first: at(0),
    last: at(Math.max(lastOffset, 0)),
    next: count > 0 && offset + count < total ? at(offset + count) : null,
    previous: offset > 0 ? at(Math.max(0, Math.min(offset - limit, lastOffset))) : null,
  };
}

function pagePath(report: LiveReport, request: ReportRequest, format: string): string {
  const query = new URLSearchParams();
  for (const { column, value } of request.equals) query.set(column, value);
  if (request.sort.length > 0) {
    const sort = request.sort.map(({ column, descending }) => (descending ? '-' : '') + column);
    query.set('sort', sort.join(','));
  }
  query.set('format', format);
  query.set('limit', String(request.limit));
  query.set('offset', String(request.offset));
  return `${reportPath(report)}?${query}`;
}
