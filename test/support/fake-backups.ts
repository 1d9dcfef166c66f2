import type { AdoptedByHand, AdoptRequest } from '../../src/backups/adopt-by-hand.ts';
import type { BackupSummary, BackupView } from '../../src/backups/backup.ts';
import type { BackupFile, BackupService, StartBackup } from '../../src/backups/backup-service.ts';
import { unknownBackup } from '../../src/backups/backups.ts';

/** Backups in memory: they stay as a test puts them. */
export class FakeBackups implements BackupService {
  readonly started: StartBackup[] = [];
  readonly views = new Map<string, BackupView>();
  readonly files = new Map<string, BackupFile>();

  async start(request: StartBackup): Promise<BackupView> {
    this.started.push(request);
    const id = `20260101T000000Z-${String(this.views.size + 1).padStart(6, '0')}`;
    const tables = (request.tables ?? ['jobs', 'notes']).map((table) => ({ table, rows: null, parts: [] }));
    return this.put(backupView(id, { tables, pinned: request.pinned, startedBy: request.startedBy }));
  }

  async get(id: string): Promise<BackupView> {
    const found = this.views.get(id);
    if (!found) throw unknownBackup(id);
    return found;
  }

  async list(): Promise<readonly BackupSummary[]> {
    const views = [...this.views.values()].reverse();
    return views.map((view) => ({ ...view, tablesTotal: view.tables.length }));
  }

  wait(id: string): Promise<BackupView> {
    return this.get(id);
  }

  async cancel(id: string): Promise<BackupView> {
    return this.put({ ...(await this.get(id)), status: 'cancelled' });
  }

  async setPinned(id: string, pinned: boolean): Promise<BackupView> {
    return this.put({ ...(await this.get(id)), pinned });
  }

  async remove(id: string): Promise<BackupView> {
    return this.put({ ...(await this.get(id)), status: 'deleted' });
  }

  async adopt({ ids }: AdoptRequest): Promise<AdoptedByHand> {
    const known = (ids ?? []).filter((id) => this.views.has(id));
    const refused = (ids ?? []).filter((id) => !this.views.has(id));
    return { adopted: known, refused: refused.map((id) => ({ id, detail: 'it is not there' })) };
  }

  async file(id: string, name: string): Promise<BackupFile> {
    const found = this.files.get(`${id}/${name}`);
    if (!found) throw unknownBackup(id);
    return found;
  }

  put(view: BackupView): BackupView {
    this.views.set(view.id, view);
    return view;
  }
}

function backupView(id: string, change: Partial<BackupView> = {}): BackupView {
  return {
    id,
    purpose: 'manual',
    scheduleId: null,
    status: 'running',
    pinned: false,
    codec: 'deflate',
    encrypted: false,
    keyId: null,
    workflowId: `backup-${id}`,
    runId: null,
    dictionaryVersion: '1',
    snapshotAt: null,
    tables: [],
    parts: 0,
    partsTotal: null,
    rows: null,
    bytes: null,
    error: null,
    waitingFor: null,
    note: null,
    unverified: null,
    warnings: [],
    lastVerifiedAt: null,
    verification: null,
    startedBy: 'a1',
    createdAt: '2026-01-01T00:00:00.000Z',
    finishedAt: null,
    ...change,
  };
}
