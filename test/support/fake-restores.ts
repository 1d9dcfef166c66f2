import { LongshoreError } from '../../src/errors.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import type { Diff, DiffRequest, RestoreService, StartRestore } from '../../src/restores/restore-service.ts';
import { unknownRestore } from '../../src/restores/restores.ts';

/** Restores in memory: they stay as a test puts them. */
export class FakeRestores implements RestoreService {
  readonly started: StartRestore[] = [];
  readonly views = new Map<number, RestoreView>();

  async start(request: StartRestore): Promise<RestoreView> {
    this.started.push(request);
    const { kind, backupId, target, startedBy } = request;
    const tables = request.tables ?? ['jobs', 'notes'];
    return this.put(restoreView(this.views.size + 1, { kind, backupId, target, tables, startedBy }));
  }

  async verify({ backupId, startedBy }: { backupId: string; startedBy: string }): Promise<RestoreView> {
    return this.put(restoreView(this.views.size + 1, { kind: 'drill', backupId, startedBy }));
  }

  async latestOf() {
    return { backupId: '20260101T000000Z-000001', skipped: [] };
  }

  async get(id: number): Promise<RestoreView> {
    const found = this.views.get(id);
    if (!found) throw unknownRestore(id);
    return found;
  }

  async list(): Promise<readonly RestoreView[]> {
    return [...this.views.values()].reverse();
  }

  wait(id: number): Promise<RestoreView> {
    return this.get(id);
  }

  async diff({ table }: DiffRequest): Promise<Diff> {
    const counts = {
      table,
      rowsNow: 2,
      rowsInBackup: 2,
      added: 1,
      removed: 1,
      changed: 0,
      broken: [],
    };
    const fields = { id: { backup: '1', now: null } };
    const between = { left: [], added: [], retyped: [] };
    return { counts, between, differences: [{ key: ['1'], kind: 'added', fields }], more: false };
  }

  async cancel(id: number): Promise<RestoreView> {
    return this.put({ ...(await this.get(id)), status: 'cancelled' });
  }

  async copies() {
    return [];
  }

  async deleteCopy(name: string): Promise<string> {
    throw new LongshoreError('unknown-copy', `there is no copy ${name}`);
  }

  put(view: RestoreView): RestoreView {
    this.views.set(view.id, view);
    return view;
  }
}

function restoreView(id: number, change: Partial<RestoreView> = {}): RestoreView {
  return {
    id,
    kind: 'restore',
    backupId: '20260101T000000Z-000001',
    snapshotAt: '2026-01-01T00:00:00.000Z',
    snapshotAgeSeconds: 0,
    skipped: [],
    tables: ['jobs'],
    target: { as: null, keys: null, safety: true },
    status: 'accepted',
    safetyBackupId: null,
    workflowId: `restore-${id}`,
    runId: 'run',
    progress: { parts: 0, partsTotal: 1, rows: 0, rowsTotal: 10 },
    changes: [],
    error: null,
    waitingFor: null,
    note: null,
    startedBy: 'tester',
    createdAt: '2026-01-01T00:00:00.000Z',
    finishedAt: null,
    ...change,
  };
}
