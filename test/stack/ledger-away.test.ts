import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { testDatabase } from '../support/database.ts';
import { until } from '../support/eventually.ts';
import type { Cleanup } from '../support/home.ts';
import { linkTo } from '../support/link.ts';
import { testStack } from '../support/stack.ts';

const OPERATIONS = new URL('../../docs/operations.md', import.meta.url);

/** The alerts of the documentation that compare a metric with a number. */
function alerts(): { name: string; value: number }[] {
  const line = readFileSync(OPERATIONS, 'utf8')
    .split('\n')
    .find((one) => one.startsWith('Worth an alert:'));
  return [...line!.matchAll(/`(longshore_\w+) == (\d+)`/g)].map(([, name, value]) => ({
    name: name!,
    value: Number(value),
  }));
}

/** Whether a sample of a scrape fulfils an alert's condition. */
function fires(scrape: string, { name, value }: { name: string; value: number }): boolean {
  return scrape.split('\n').some((line) => /^\w+/.exec(line)?.[0] === name && line.endsWith(` ${value}`));
}

describe('while PostgreSQL is away', async () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const t: Cleanup = { after: (action) => void cleanups.unshift(async () => action()) };
  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });

  it('the metrics go on, and the alerts of the documentation hold', async () => {
    const { url: direct } = await testDatabase(t);
    const { hostname, port } = new URL(direct);
    const link = await linkTo(t, hostname, Number(port));
    const linked = Object.assign(new URL(direct), { host: `${link.host}:${link.port}` });
    const stack = await testStack(t, undefined, { env: { DATABASE_URL: linked.href }, worker: false });
    const { key: scraper } = (await stack.post('/v1/keys', { name: 'scraper', scopes: ['read'] }))
      .body as unknown as { key: string };
    const { key: unused } = (await stack.post('/v1/keys', { name: 'unused', scopes: ['read'] }))
      .body as unknown as { key: string };
    const get = async (path: string, key: string) => {
      const response = await fetch(stack.url + path, { headers: { 'x-api-key': key } });
      return { status: response.status, text: await response.text() };
    };
    const expected = alerts();
    assert.deepEqual(
      expected.map(({ name }) => name),
      ['longshore_ledger_up', 'longshore_dependency_up'],
    );
    const well = await get('/metrics', scraper);
    assert.equal(well.status, 200);
    for (const alert of expected) assert.equal(fires(well.text, alert), false, alert.name);

    link.cut();
    // Once what is cached of keys has passed, other routes can't tell who asks.
    const refused = await until(
      () => get('/v1/dictionary', scraper),
      ({ status }) => status === 503,
    );
    assert.equal(JSON.parse(refused.text).code, 'database-unavailable');
    for (const key of [scraper, stack.key]) {
      const away = await until(
        () => get('/metrics', key),
        ({ text }) => fires(text, expected[0]!),
      );
      assert.equal(away.status, 200);
      for (const alert of expected) assert.equal(fires(away.text, alert), true, alert.name);
      assert.match(away.text, /^longshore_dependency_up\{dependency="temporal"\} 1$/m);
      assert.match(away.text, /^process_resident_memory_bytes [1-9]/m);
    }
    for (const key of [unused, 'a guess']) assert.equal((await get('/metrics', key)).status, 503);

    link.mend();
    const back = await until(
      () => get('/metrics', scraper),
      ({ text }) => !expected.some((alert) => fires(text, alert)),
    );
    assert.match(back.text, /^longshore_ledger_up 1$/m);
    assert.equal((await get('/metrics', 'a guess')).status, 401);
  });
});
