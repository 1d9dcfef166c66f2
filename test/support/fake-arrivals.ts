import type { ArrivalFileView, ArrivalSettings, ArrivalView } from '../../src/arrivals/arrival.ts';
import { unknownFile } from '../../src/arrivals/arrival-files.ts';
import type { ArrivalService } from '../../src/arrivals/arrival-service.ts';
import { INBOX_SETTINGS, unknownArrival } from '../../src/arrivals/arrivals.ts';

/** Arrivals in memory, where nothing ever arrives but what a test puts there. */
export class FakeArrivals implements ArrivalService {
  readonly views = new Map<string, ArrivalView>([['inbox', viewOf('inbox', INBOX_SETTINGS)]]);
  readonly all: ArrivalFileView[] = [];
  readonly notified: string[] = [];

  async list({ after = '', limit, tables }: Parameters<ArrivalService['list']>[0]) {
    return [...this.views.values()]
      .filter(({ id, table }) => id > after && (table === null || (tables?.includes(table) ?? true)))
      .slice(0, limit);
  }

  async get(id: string) {
    const found = this.views.get(id);
    if (!found) throw unknownArrival(id);
    return found;
  }

  async create(id: string, settings: ArrivalSettings) {
    const view = viewOf(id, settings);
    this.views.set(id, view);
    return view;
  }

  async put(id: string, settings: ArrivalSettings) {
    const created = !this.views.has(id);
    return { arrival: await this.create(id, settings), created };
  }

  async change(id: string, change: Partial<ArrivalSettings>) {
    const view = { ...(await this.get(id)), ...change } as ArrivalView;
    this.views.set(id, view);
    return view;
  }

  async delete(id: string) {
    await this.get(id);
    this.views.delete(id);
  }

  async notify(id: string) {
    this.notified.push(id);
    return this.get(id);
  }

  async created() {
    return [...this.views.keys()];
  }

  async files(id: string, { tables, limit }: Parameters<ArrivalService['files']>[1]) {
    await this.get(id);
    return this.all
      .filter(({ table }) => tables === undefined || (table !== null && tables.includes(table)))
      .slice(0, limit);
  }

  async file(id: string, file: number) {
    const found = this.all.find((one) => one.id === file);
    if (!found) throw unknownFile(id, file);
    return found;
  }

  retry(id: string, file: number) {
    return this.file(id, file);
  }
}

function viewOf(id: string, settings: ArrivalSettings): ArrivalView {
  const at = '2026-11-27T12:00:00.000Z';
  const rest = { lookedAt: null, lookError: null, createdBy: 'test', createdAt: at, changedAt: at };
  return { id, ...settings, files: { waiting: 0, loading: 0 }, ...rest };
}
