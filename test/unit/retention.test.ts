import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { periodsOf } from '../../src/backups/periods.ts';
import {
  planRetention,
  type RetainedBackup,
  type RetentionPlan,
  type RetentionPolicy,
} from '../../src/backups/retention.ts';
import { instantBefore, isDuration, keepingFault } from '../../src/duration.ts';

const DAY_MS = 86_400_000;
const NOW = '2026-11-21T12:00:00.000Z';
const SCOPE = { scheduleId: 'nightly', timezone: 'UTC', now: NOW };

function backup(snapshotAt: string, change: Partial<RetainedBackup> = {}): RetainedBackup {
  return {
    id: snapshotAt,
    scheduleId: 'nightly',
    purpose: 'schedule',
    pinned: false,
    fault: null,
    tables: ['jobs'],
    snapshotAt,
    ...change,
  };
}

const keptIds = (plan: RetentionPlan) => plan.keep.map(({ id }) => id);
const removedIds = (plan: RetentionPlan) => plan.remove.map(({ id }) => id);

const TABLES = ['departments', 'jobs', 'hired_employees'];
const ZONES = ['UTC', 'Europe/Berlin', 'America/Los_Angeles', 'Pacific/Kiritimati', 'Asia/Kathmandu'];

const backups = fc
  .array(
    fc.record({
      hoursAgo: fc.integer({ min: 0, max: 900 * 24 }),
      scheduleId: fc.constantFrom('nightly', 'nightly', 'nightly', 'weekly', null),
      safety: fc.boolean(),
      pinned: fc.boolean(),
      fault: fc.integer({ min: 0, max: 5 }).map((n) => (n === 0 ? 'it was edited' : null)),
      tables: fc.subarray(TABLES, { minLength: 1 }),
    }),
    { maxLength: 60 },
  )
  .map((all) =>
    all.map(({ hoursAgo, safety, ...rest }, index): RetainedBackup => {
      const snapshotAt = new Date(Date.parse(NOW) - hoursAgo * 3_600_000).toISOString();
      // Only what no schedule asked for is a safety backup.
      const other = safety ? 'safety' : 'manual';
      const purpose = rest.scheduleId === null ? other : 'schedule';
      return { ...rest, purpose, id: `${snapshotAt}-${index}`, snapshotAt };
    }),
  );

const count = fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined });
const policies: fc.Arbitrary<RetentionPolicy> = fc
  .record({
    keepLast: count,
    keepWithin: fc.option(fc.constantFrom('P1D', 'P30D', 'P6M', 'P2W', 'PT36H'), { nil: undefined }),
    keepDaily: count,
    keepWeekly: count,
    keepMonthly: count,
  })
  .filter((policy) => Object.values(policy).some((value) => value !== undefined));
const zones = fc.constantFrom(...ZONES);

/**
 * restic's documentation of `forget`, word by word and slowly: a tier sorts all backups into buckets and keeps the
 * newest of each of the newest `n` buckets.
 */
function restic(own: readonly RetainedBackup[], policy: RetentionPolicy, timezone: string): Set<string> {
  const kept = new Set<string>();
  const sorted = own.toSorted((a, b) =>
    b.snapshotAt === a.snapshotAt ? (b.id > a.id ? 1 : -1) : b.snapshotAt > a.snapshotAt ? 1 : -1,
  );
  for (const one of sorted.slice(0, policy.keepLast ?? 0)) kept.add(one.id);
  for (const tier of ['day', 'week', 'month'] as const) {
    const wanted = { day: policy.keepDaily, week: policy.keepWeekly, month: policy.keepMonthly }[tier] ?? 0;
    const buckets = Map.groupBy(sorted, (one) => periodsOf(one.snapshotAt, timezone)[tier]);
    for (const bucket of [...buckets.keys()].sort().reverse().slice(0, wanted)) {
      kept.add((buckets.get(bucket) as RetainedBackup[])[0]?.id as string);
    }
  }
  const within = { P1D: 1, P30D: 30, P2W: 14, PT36H: 1.5 }[policy.keepWithin ?? ''];
  const since =
    policy.keepWithin === 'P6M'
      ? Date.parse('2026-05-21T12:00:00Z')
      : Date.parse(NOW) - (within ?? 0) * DAY_MS;
  if (policy.keepWithin !== undefined) {
    for (const one of own) if (Date.parse(one.snapshotAt) >= since) kept.add(one.id);
  }
  return kept;
}

describe('planRetention', () => {
  it('never removes the last good backup of any table, a pinned one, one that can not be relied on, or one of another schedule', () => {
    fc.assert(
      fc.property(backups, policies, zones, (all, policy, timezone) => {
        const removed = new Set(removedIds(planRetention(all, policy, { ...SCOPE, timezone })));
        const good = all.filter((one) => one.fault === null && one.purpose !== 'safety');
        const left = good.filter((one) => !removed.has(one.id));
        const newest = (from: readonly RetainedBackup[], table: string) =>
          Math.max(
            ...from.filter((one) => one.tables.includes(table)).map((one) => Date.parse(one.snapshotAt)),
          );
        for (const table of TABLES) assert.equal(newest(left, table), newest(good, table));
        for (const one of all) {
          if (one.pinned || one.fault !== null || one.scheduleId !== 'nightly')
            assert.ok(!removed.has(one.id));
        }
      }),
    );
  });

  it('keeps or removes each backup of the schedule once, and says why', () => {
    fc.assert(
      fc.property(backups, policies, (all, policy) => {
        const plan = planRetention(all, policy, SCOPE);
        const own = all.filter((one) => one.scheduleId === 'nightly').map((one) => one.id);
        assert.deepEqual([...keptIds(plan), ...removedIds(plan)].sort(), own.sort());
        assert.ok(plan.keep.every(({ reasons }) => reasons.length > 0));
      }),
    );
  });

  it('finds nothing more to remove once it has been followed', () => {
    fc.assert(
      fc.property(backups, policies, zones, (all, policy, timezone) => {
        const removed = new Set(removedIds(planRetention(all, policy, { ...SCOPE, timezone })));
        const left = all.filter((one) => !removed.has(one.id));
        assert.deepEqual(removedIds(planRetention(left, policy, { ...SCOPE, timezone })), []);
      }),
    );
  });

  it('removes no more when a policy keeps more', () => {
    fc.assert(
      fc.property(backups, policies, policies, zones, (all, policy, more, timezone) => {
        const larger: RetentionPolicy = {
          ...policy,
          ...(policy.keepWithin === undefined && { keepWithin: more.keepWithin }),
          keepLast: sum(policy.keepLast, more.keepLast),
          keepDaily: sum(policy.keepDaily, more.keepDaily),
          keepWeekly: sum(policy.keepWeekly, more.keepWeekly),
          keepMonthly: sum(policy.keepMonthly, more.keepMonthly),
        };
        const before = new Set(removedIds(planRetention(all, policy, { ...SCOPE, timezone })));
        for (const id of removedIds(planRetention(all, larger, { ...SCOPE, timezone })))
          assert.ok(before.has(id));
      }),
    );
  });

  it('keeps what restic keeps', () => {
    fc.assert(
      fc.property(backups, policies, zones, (all, policy, timezone) => {
        const plain = all.map((one) => ({ ...one, pinned: false, fault: null }));
        const own = plain.filter((one) => one.scheduleId === 'nightly');
        const plan = planRetention(plain, policy, { ...SCOPE, timezone });
        const byRules = plan.keep.filter(({ reasons }) =>
          reasons.some((why) => !why.startsWith('last good')),
        );
        assert.deepEqual(new Set(byRules.map(({ id }) => id)), restic(own, policy, timezone));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps everything without a policy', () => {
    const all = [backup('2019-01-01T00:00:00Z'), backup('2020-01-01T00:00:00Z')];
    const plan = planRetention(all, null, SCOPE);
    assert.deepEqual(plan.remove, []);
    assert.deepEqual(plan.keep[1], { id: '2019-01-01T00:00:00Z', reasons: ['no rule is set'] });
  });

  it('leaves 7 days, 4 weeks and 12 months of a year of daily backups', () => {
    const start = Date.parse('2025-11-22T03:00:00Z');
    const policy = { keepDaily: 7, keepWeekly: 4, keepMonthly: 12 };
    let left: RetainedBackup[] = [];
    for (let day = 0; day < 365; day++) {
      const now = new Date(start + day * DAY_MS).toISOString();
      left.push(backup(now));
      const removed = new Set(removedIds(planRetention(left, policy, { ...SCOPE, now })));
      left = left.filter((one) => !removed.has(one.id));
    }
    const days = left.map((one) => one.id.slice(0, 10));
    // Removing day by day, as a schedule does, leaves the same as removing once at the end of the year.
    assert.deepEqual(days, [
      ...['2025-12-31', '2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30', '2026-05-31', '2026-06-30'],
      ...['2026-07-31', '2026-08-31', '2026-09-30', '2026-10-31'],
      ...['2026-11-01', '2026-11-08'],
      ...['2026-11-15', '2026-11-16', '2026-11-17', '2026-11-18', '2026-11-19', '2026-11-20', '2026-11-21'],
    ]);
  });

  it('does not take a safety backup for the last good one', () => {
    const all = [
      backup('2026-11-20T12:00:00Z', { purpose: 'safety', scheduleId: null }),
      backup('2026-01-01T12:00:00Z'),
    ];
    const plan = planRetention(all, { keepWithin: 'P1D' }, SCOPE);
    assert.deepEqual(plan.keep, [{ id: '2026-01-01T12:00:00Z', reasons: ['last good backup of jobs'] }]);
  });

  it('says why each one stays', () => {
    const all = [
      backup('2026-11-20T23:30:00Z'),
      backup('2026-11-20T12:00:00Z', { pinned: true }),
      backup('2026-10-01T12:00:00Z', { tables: ['notes'] }),
      backup('2026-09-01T12:00:00Z'),
      backup('2026-11-21T01:00:00Z', { fault: 'a drill found it damaged' }),
    ];
    const policy = { keepLast: 1, keepWithin: 'P7D', keepDaily: 1, keepWeekly: 1, keepMonthly: 1 };
    const plan = planRetention(all, policy, { ...SCOPE, timezone: 'Europe/Berlin' });
    assert.deepEqual(plan, {
      keep: [
        { id: '2026-11-21T01:00:00Z', reasons: ['a drill found it damaged: remove it by hand'] },
        {
          id: '2026-11-20T23:30:00Z',
          reasons: [
            'one of the last 1',
            'younger than P7D',
            'newest of day 2026-11-21',
            'newest of week 2026-W47',
            'newest of month 2026-11',
            'last good backup of jobs',
          ],
        },
        { id: '2026-11-20T12:00:00Z', reasons: ['younger than P7D', 'pinned'] },
        { id: '2026-10-01T12:00:00Z', reasons: ['last good backup of notes'] },
      ],
      remove: [{ id: '2026-09-01T12:00:00Z', reason: 'no rule keeps it' }],
    });
  });
});

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}

describe('periodsOf', () => {
  it('has days, ISO weeks and months of the time zone', () => {
    const of = (moment: string, zone: string) => Object.values(periodsOf(moment, zone)).join(' ');
    assert.equal(of('2026-12-31T23:30:00Z', 'UTC'), '2026-12-31 2026-W53 2026-12');
    assert.equal(of('2026-12-31T23:30:00Z', 'Europe/Berlin'), '2027-01-01 2026-W53 2027-01');
    assert.equal(of('2024-12-30T00:00:00Z', 'UTC'), '2024-12-30 2025-W01 2024-12');
    assert.equal(of('2026-01-01T05:00:00Z', 'America/Los_Angeles'), '2025-12-31 2026-W01 2025-12');
  });
});

describe('durations', () => {
  it('are those of ISO 8601 in whole numbers', () => {
    for (const good of ['P30D', 'P1Y6M', 'P2W', 'PT36H', 'P1DT12H', 'PT30M'])
      assert.ok(isDuration(good), good);
    for (const bad of ['', 'P', 'PT', 'P1DT', '30D', 'P-1D', 'P1.5D', 'p30d', 'P1M1Y']) {
      assert.ok(!isDuration(bad), bad);
    }
  });

  it('keep something, and no more than a lifetime', () => {
    for (const zero of ['P0D', 'P0Y0M', 'PT0S', 'PT0H0M', 'P0W']) {
      assert.match(keepingFault(zero) ?? '', /longer than nothing/, zero);
    }
    for (const long of ['P101Y', 'P9999Y', 'P99999D', 'P1201M'])
      assert.match(keepingFault(long) ?? '', /100 years/, long);
    for (const none of ['-P1D', 'P-1D', '30', 'P1.5D'])
      assert.match(keepingFault(none) ?? '', /ISO 8601/, none);
    for (const good of ['PT1S', 'P30D', 'P100Y', 'P36500D']) assert.equal(keepingFault(good), null, good);
  });

  it('count back by the calendar', () => {
    const before = (moment: string, duration: string) =>
      new Date(instantBefore(moment, duration)).toISOString();
    assert.equal(before('2026-03-31T10:00:00Z', 'P1M'), '2026-02-28T10:00:00.000Z');
    assert.equal(before('2024-02-29T10:00:00Z', 'P1Y'), '2023-02-28T10:00:00.000Z');
    assert.equal(before('2026-01-15T10:00:00Z', 'P2MT36H'), '2025-11-13T22:00:00.000Z');
  });
});
