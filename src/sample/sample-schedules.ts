import type { NewSchedule } from '../schedules/schedule.ts';

export interface SampleSchedulesOptions {
  readonly apiUrl: string;
  readonly adminKey: string;
  readonly log: (message: string) => void;
}

type SampleSchedule = Pick<NewSchedule, 'id' | 'kind' | 'cron' | 'note'> & Partial<NewSchedule>;

/** A backup a month, of which a year is kept, and a proof a week that what is there can be restored. */
const SCHEDULES: readonly SampleSchedule[] = [
  {
    id: 'monthly-backup',
    kind: 'backup',
    cron: '0 3 1 * *',
    retention: { keepMonthly: 12 },
    drill: true,
    note: 'Came with the sample: all tables, on the first of each month',
  },
  {
    id: 'weekly-drill',
    kind: 'drill',
    cron: '0 4 * * 0',
    note: 'Came with the sample: proves the newest good backups each Sunday',
  },
];

/**
 * Makes the sample's schedules as any user would. One that is there is left as it is.
 *
 * @throws Error when the platform refuses one
 */
export async function makeSampleSchedules({ apiUrl, adminKey, log }: SampleSchedulesOptions): Promise<void> {
  for (const schedule of SCHEDULES) {
    const response = await fetch(`${apiUrl}/v1/schedules`, {
      method: 'POST',
      headers: { 'x-api-key': adminKey, 'content-type': 'application/json' },
      body: JSON.stringify(schedule),
    });
    const body = (await response.json()) as { code?: string; detail?: string };
    if (response.ok) log(`schedule ${schedule.id}: ${schedule.cron}`);
    else if (body.code !== 'schedule-state') {
      throw new Error(`the sample's schedule ${schedule.id}: HTTP ${response.status}: ${body.detail ?? ''}`);
    }
  }
}
