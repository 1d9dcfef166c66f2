import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readState } from '../../src/runtime/home.ts';
import { sfc32 } from '../../src/sample/random.ts';
import { databaseUrl } from '../support/database-url.ts';
import { type Role, testPlatform } from '../support/platform.ts';
import { StormGenerator } from '../support/storm/batches.ts';
import { type StormLog, sendUntil, type Target } from '../support/storm/client.ts';
import { loadReferences } from '../support/storm/references.ts';
import { assertExactly, assertNothingRuns, assertReplays } from '../support/storm/verdict.ts';

const CLIENTS = 24;
const SEED = 2021;
/** Between two faults, the storm goes on for this long after the first answer. */
const CALM_MS = 3_000;
const RECOVERY_LIMIT_MS = 45_000;
const REPLAYS = 1_000;
const ENV = { LONGSHORE_RATE: '1000000', LONGSHORE_BURST: '1000000' };

/** Clients that repeat what got no answer, while each process is killed: every batch is in once, as acknowledged. */
describe('a storm of batches', () => {
  it('leaves exactly the acknowledged rows, whatever is killed', async (t) => {
    let platform = await testPlatform({ after }, { env: ENV });
    const target: Target = { url: platform.apiUrl, key: platform.adminKey };
    await loadReferences(target);
    const log: StormLog = { answered: [], unanswered: [], refused: [], retries: new Map() };
    const over = new AbortController();
    const clients = Promise.all(
      Array.from({ length: CLIENTS }, (_, client) => {
        const random = sfc32(SEED + client);
        return sendUntil(over.signal, { target, random, generator: new StormGenerator(random, client), log });
      }),
    );
    // It is looked at between the faults; until then a failure has to wait.
    clients.catch(() => undefined);
    const kill = async (role: Role) => platform.kill(role);
    const killEverything = async () => {
      const { home } = platform;
      await platform.killAll();
      platform = await testPlatform({ after }, { home, env: ENV });
      target.url = platform.apiUrl;
    };
    const faults: Record<string, () => Promise<void>> = {
      nothing: async () => undefined,
      worker: () => kill('worker-1'),
      API: () => kill('api'),
      PostgreSQL: () => kill('postgres'),
      Temporal: () => kill('temporal'),
      everything: killEverything,
    };
    const recovered: string[] = [];
    try {
      for (const [name, fault] of Object.entries(faults)) {
        const killedAtMs = performance.now();
        await fault();
        await Promise.race([clients, answers(log)]);
        recovered.push(`${name} ${((performance.now() - killedAtMs) / 1000).toFixed(1)} s`);
        await sleep(CALM_MS);
      }
    } finally {
      over.abort();
    }
    await clients;

    const replays = await assertReplays(target, log, REPLAYS);
    const rows = await assertExactly(databaseUrl(platform.home), log);
    await assertNothingRuns(`127.0.0.1:${readState(platform.home).temporalPort}`);
    t.diagnostic(
      `${log.answered.length} batches answered, ${log.unanswered.length} without key or answer, ` +
        `${log.refused.length} refused, ${rows} rows, ${replays} replays; answers again after the death of: ` +
        `${recovered.join(', ')}; tried again: ${[...log.retries].map(([why, times]) => `${why} ${times}`).join(', ')}`,
    );
    assert.equal(await platform.stop(), 0);
  });
});

/** So many answers that some are of batches that were begun after now: the platform is back. */
async function answers(log: StormLog): Promise<void> {
  const wanted = log.answered.length + 2 * CLIENTS;
  const deadline = Date.now() + RECOVERY_LIMIT_MS;
  while (log.answered.length < wanted) {
    assert.ok(Date.now() < deadline, `no answers for ${RECOVERY_LIMIT_MS} ms`);
    await sleep(50);
  }
}
