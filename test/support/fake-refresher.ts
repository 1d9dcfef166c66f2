import type { Refresher } from '../../src/reports/refresher.ts';
import type { ReportState } from '../../src/reports/report.ts';

/** Notes what it is asked for, and says that the view is as `state` says. */
export class FakeRefresher implements Refresher {
  readonly asked: { readonly name: string; readonly waitMs: number }[] = [];
  refreshed = false;
  readonly #state: (name: string) => Promise<ReportState>;

  constructor(state: (name: string) => Promise<ReportState>) {
    this.#state = state;
  }

  async refresh(name: string, waitMs: number) {
    this.asked.push({ name, waitMs });
    const state = await this.#state(name);
    return { name, workflowId: `refresh-${name}`, runId: 'run', state, refreshed: this.refreshed };
  }

  written(): void {}
  look(): void {}
  async askStale(): Promise<void> {}
  async askIfChanged(): Promise<boolean> {
    return false;
  }
  stop(): void {}
}
