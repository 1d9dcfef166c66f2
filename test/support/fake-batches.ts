import type {
  BatchFilter,
  BatchReject,
  BatchRejectsPage,
  BatchView,
  EndedBatch,
} from '../../src/batches/batch.ts';
import type { BatchService, NewBatch } from '../../src/batches/batch-service.ts';

/** Batches in memory: each gets the outcome that the test says. */
export class FakeBatches implements BatchService {
  readonly sent: NewBatch[] = [];
  readonly ended = new Map<string, EndedBatch>();
  waitedMs: number | null = null;
  /** What becomes of the next batches; `running` answers with the running one. */
  outcome: { readonly rejects?: readonly BatchReject[]; readonly running?: true } = {};
  header: readonly string[] | null = null;
  error: Error | null = null;
  room: BatchService['room'] = () => ({ take: () => undefined, release: () => undefined });

  async commit(batch: NewBatch, waitMs: number) {
    this.waitedMs = waitMs;
    if (this.error !== null) throw this.error;
    this.sent.push(batch);
    const id = `01990000-0000-7000-8000-000000000000-${this.sent.length - 1}`;
    const rejects = this.outcome.rejects ?? [];
    const view = batchView(id, {
      table: batch.table.name,
      mode: batch.mode,
      strict: batch.strict,
      rows: { sent: 3, accepted: 3 - rejects.length, rejected: rejects.length, discarded: 0 },
    });
    if (this.outcome.running) return { running: { ...view, status: 'running' as const, committedAt: null } };
    this.ended.set(id, { view, rejects, replayed: false });
    return { view, rejects, replayed: batch.idempotencyKey === 'known' };
  }

  async replay() {
    return null;
  }

  async get(id: string) {
    return this.ended.get(id)?.view ?? null;
  }

  async list(filter: BatchFilter) {
    const views = [...this.ended.values()].map(({ view }) => view).reverse();
    const from = filter.before === undefined ? 0 : views.findIndex(({ id }) => id === filter.before) + 1;
    return views
      .slice(from)
      .filter(({ table }) => filter.tables?.includes(table) ?? true)
      .filter(({ loadId }) => filter.loadId === undefined || loadId === filter.loadId)
      .slice(0, filter.limit);
  }

  async rejects(id: string, page: { afterIndex: number; limit: number }): Promise<BatchRejectsPage> {
    const later = (this.ended.get(id)?.rejects ?? []).filter(({ index }) => index > page.afterIndex);
    return { header: this.header, rejects: later.slice(0, page.limit), more: later.length > page.limit };
  }
}

export function batchView(id: string, change: Partial<BatchView> = {}): BatchView {
  return {
    id,
    table: 'jobs',
    mode: 'append',
    strict: false,
    status: 'done',
    workflowId: 'batches-01990000-0000-7000-8000-000000000000',
    runId: 'b8a9c6d0-0000-4000-8000-000000000000',
    loadId: 2 ** 32,
    firstLine: 1,
    rows: { sent: 3, accepted: 3, rejected: 0, discarded: 0 },
    error: null,
    receivedAt: '2026-01-01T00:00:00.000Z',
    committedAt: '2026-01-01T00:00:00.010Z',
    ...change,
  };
}
