import { instantBefore } from '../duration.ts';
import type { BackupPurpose } from './backup.ts';
import { periodsOf } from './periods.ts';

/**
 * Which backups of a schedule stay, as in restic's `forget`: rules are independent, and a backup stays when any of them
 * keeps it. `keepDaily: 7` keeps the newest backup of each of the last seven days that have one.
 * null, or no rule at all: everything stays.
 */
export interface RetentionPolicy {
  readonly keepLast?: number;
  /** ISO 8601 duration, such as `P30D`: younger backups stay. */
  readonly keepWithin?: string;
  readonly keepDaily?: number;
  /** Weeks of ISO 8601: they begin on Monday. */
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
}

/** The properties of a finished backup that retention uses. */
export interface RetainedBackup {
  readonly id: string;
  readonly scheduleId: string | null;
  readonly purpose: BackupPurpose;
  readonly pinned: boolean;
  /** Why it can't be relied on, as `relianceFault` says it; null: it can. */
  readonly fault: string | null;
  readonly tables: readonly string[];
  /** Moment of its snapshot, RFC 3339. */
  readonly snapshotAt: string;
}

export interface RetentionScope {
  /** The policy applies to the backups of this schedule only. */
  readonly scheduleId: string;
  /** IANA name: days, weeks and months are those of this zone. */
  readonly timezone: string;
  /** RFC 3339. */
  readonly now: string;
}

export interface RetentionPlan {
  readonly keep: readonly { readonly id: string; readonly reasons: readonly string[] }[];
  readonly remove: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * What a policy does to the backups of its schedule, newest first. Pure.
 *
 * `backups` are all finished ones, of every schedule and of none: whatever the rules say, the newest good backup of each
 * table stays. One that can't be relied on (damaged, changed in the storage, without its key) neither counts for a rule
 * nor is removed: it is a finding for people to look at. A safety backup never counts as the last good one: it may hold
 * the very accident that the real one would undo.
 */
export function planRetention(
  backups: readonly RetainedBackup[],
  policy: RetentionPolicy | null,
  scope: RetentionScope,
): RetentionPlan {
  const newestFirst = [...backups].sort(byNewest);
  const good = newestFirst.filter((backup) => backup.fault === null);
  const own = newestFirst.filter((backup) => backup.scheduleId === scope.scheduleId);
  const reasons = new Map(own.map((backup) => [backup.id, [] as string[]]));
  const keep = (backup: RetainedBackup, reason: string) => void reasons.get(backup.id)?.push(reason);

  const ownGood = good.filter((backup) => reasons.has(backup.id));
  if (policy === null || !hasRule(policy)) for (const backup of ownGood) keep(backup, 'no rule is set');
  else applyRules(ownGood, policy, scope, keep);
  for (const backup of own) {
    if (backup.fault !== null) keep(backup, `${backup.fault}: remove it by hand`);
    if (backup.pinned) keep(backup, 'pinned');
  }
  const real = good.filter(({ purpose }) => purpose !== 'safety');
  for (const [table, backup] of lastGood(real)) keep(backup, `last good backup of ${table}`);

  const plan = [...reasons].map(([id, why]) => ({ id, reasons: why }));
  return {
    keep: plan.filter((entry) => entry.reasons.length > 0),
    remove: plan
      .filter((entry) => entry.reasons.length === 0)
      .map(({ id }) => ({ id, reason: 'no rule keeps it' })),
  };
}

type Keep = (backup: RetainedBackup, reason: string) => void;

function applyRules(
  newestFirst: readonly RetainedBackup[],
  policy: RetentionPolicy,
  { timezone, now }: RetentionScope,
  keep: Keep,
): void {
  const { keepLast = 0, keepWithin, keepDaily = 0, keepWeekly = 0, keepMonthly = 0 } = policy;
  for (const backup of newestFirst.slice(0, keepLast)) keep(backup, `one of the last ${keepLast}`);
  if (keepWithin !== undefined) {
    const since = instantBefore(now, keepWithin);
    for (const backup of newestFirst) {
      if (Date.parse(backup.snapshotAt) >= since) keep(backup, `younger than ${keepWithin}`);
    }
  }
  const tiers = [
    ['day', keepDaily],
    ['week', keepWeekly],
    ['month', keepMonthly],
  ] as const;
  const used = tiers.filter(([, count]) => count > 0);
  if (used.length === 0) return;
  const seen = new Map(used.map(([tier]) => [tier, new Set<string>()]));
  for (const backup of newestFirst) {
    const periods = periodsOf(backup.snapshotAt, timezone);
    for (const [tier, count] of used) {
      const ofTier = seen.get(tier) as Set<string>;
      const period = periods[tier];
      if (ofTier.has(period) || ofTier.size >= count) continue;
      ofTier.add(period);
      keep(backup, `newest of ${tier} ${period}`);
    }
  }
}

function hasRule(policy: RetentionPolicy): boolean {
  return Object.values(policy).some((value) => value !== undefined);
}

/** By table; tables in the order of their names, so that reasons read the same each time. */
function lastGood(newestFirst: readonly RetainedBackup[]): [string, RetainedBackup][] {
  const newest = new Map<string, RetainedBackup>();
  for (const backup of newestFirst) {
    for (const table of backup.tables) if (!newest.has(table)) newest.set(table, backup);
  }
  return [...newest].sort(([a], [b]) => (a < b ? -1 : 1));
}

function byNewest(a: RetainedBackup, b: RetainedBackup): number {
  return Date.parse(b.snapshotAt) - Date.parse(a.snapshotAt) || (a.id < b.id ? 1 : -1);
}
