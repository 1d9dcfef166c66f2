import { LongshoreError } from '../../src/errors.ts';
import type { ScheduleService, ScheduleView } from '../../src/schedules/schedule-service.ts';

/** Schedules in memory: they have times, and never run by themselves. */
export class FakeSchedules implements ScheduleService {
  readonly views = new Map<string, ScheduleView>();

  async list() {
    return [...this.views.values()];
  }

  async get(id: string) {
    const view = this.views.get(id);
    if (view === undefined) throw new LongshoreError('unknown-schedule', `there is no schedule "${id}"`);
    return view;
  }

  async create(request: Parameters<ScheduleService['create']>[0]) {
    if (this.views.has(request.id)) {
      throw new LongshoreError('schedule-state', `there is a schedule "${request.id}" already`);
    }
    const nextRuns = ['2026-12-01T03:00:00.000Z'];
    const temporalId = `k3v9q2-schedule-${request.id}`;
    const view: ScheduleView = {
      ...request,
      temporalId,
      paused: false,
      nextRuns,
      warnings: [],
      lastRuns: [],
      broken: null,
    };
    this.views.set(request.id, view);
    return view;
  }

  async change(id: string, change: Parameters<ScheduleService['change']>[1]) {
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    return this.#put({ ...(await this.get(id)), ...given });
  }

  async delete(id: string) {
    await this.get(id);
    this.views.delete(id);
  }

  async setPaused(id: string, paused: boolean) {
    return this.#put({ ...(await this.get(id)), paused });
  }

  async trigger(id: string) {
    await this.get(id);
    return { workflowId: `schedule-${id}-2026-11-21T03:00:00Z`, runId: 'run-1' };
  }

  async retention(id: string) {
    await this.get(id);
    return { keep: [{ id: '20261121T030000Z-3f9a2c', reasons: ['no rule is set'] }], remove: [] };
  }

  #put(view: ScheduleView): ScheduleView {
    this.views.set(view.id, view);
    return view;
  }
}
