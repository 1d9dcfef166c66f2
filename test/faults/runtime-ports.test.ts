import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { LongshoreError } from '../../src/errors.ts';
import { listensOn } from '../../src/platform/listening.ts';
import { choosePort, freePort } from '../../src/platform/ports.ts';
import { readState, updateState } from '../../src/runtime/home.ts';
import { testHome } from '../support/home.ts';
import { type TestPlatform, testPlatform } from '../support/platform.ts';

async function occupied(t: TestContext): Promise<number> {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  return (other.address() as { port: number }).port;
}

test('two platforms that start at the same moment and want the same ports both come up, and say which they took', async (t) => {
  const wanted = [await freePort(), await freePort(), await freePort()] as const;
  const [postgresPort, temporalPort, temporalUiPort] = wanted;
  const homes = [await testHome(t), await testHome(t)];
  for (const home of homes) updateState(home, { postgresPort, temporalPort, temporalUiPort });
  // Unset: the API, too, wants the same port as the other.
  const env = { LONGSHORE_PORT: '', LONGSHORE_WORKERS: '1' };
  const platforms = await Promise.all(homes.map((home) => testPlatform(t, { home, env })));
  const states = homes.map(readState);
  for (const part of ['postgresPort', 'temporalPort', 'temporalUiPort'] as const) {
    assert.notEqual(states[0]?.[part], states[1]?.[part], part);
  }
  assert.notEqual(platforms[0]?.apiUrl, platforms[1]?.apiUrl);
  for (const [n, platform] of platforms.entries()) {
    const { temporal, postgres } = platform.pids();
    assert.equal(listensOn(temporal!, states[n]!.temporalPort!), true);
    assert.equal(listensOn(postgres!, states[n]!.postgresPort!), true);
    assert.deepEqual(await load(platform), 'done');
  }
  const said = platforms.map((platform) => platform.output()).join('');
  assert.match(
    said,
    /PostgreSQL takes port \d+: another program uses \d+ \(LONGSHORE_POSTGRES_PORT sets one\)/,
  );
  assert.match(
    said,
    /Temporal takes port \d+: another program uses \d+ \(LONGSHORE_TEMPORAL_PORT sets one\)/,
  );
  assert.doesNotMatch(said, /already in use|goroutine/);
});

async function load({ apiUrl, adminKey }: TestPlatform): Promise<string> {
  const answer = await fetch(`${apiUrl}/v1/tables/jobs/loads`, {
    method: 'POST',
    headers: { 'x-api-key': adminKey, 'content-type': 'text/csv', prefer: 'wait=40' },
    body: '1,Pilot\n',
  });
  return ((await answer.json()) as { status: string }).status;
}

test('each embedded server takes the port that its variable gives', async (t) => {
  const home = await testHome(t);
  const ports = new Set<number>();
  while (ports.size < 5) ports.add(await freePort());
  const [postgres, temporal, ui, http, metrics] = [...ports] as [number, number, number, number, number];
  const platform = await testPlatform(t, {
    home,
    env: {
      LONGSHORE_WORKERS: '1',
      LONGSHORE_POSTGRES_PORT: String(postgres),
      LONGSHORE_TEMPORAL_PORT: String(temporal),
      LONGSHORE_TEMPORAL_UI_PORT: String(ui),
      LONGSHORE_TEMPORAL_HTTP_PORT: String(http),
      LONGSHORE_TEMPORAL_METRICS_PORT: String(metrics),
    },
  });
  const pids = platform.pids();
  assert.equal(listensOn(pids.postgres!, postgres), true);
  for (const port of [temporal, ui, http, metrics]) assert.equal(listensOn(pids.temporal!, port), true);
});

test('a port that a variable gives and another program has stops the start with a word', async (t) => {
  const given = await occupied(t);
  const choosing = choosePort({ who: 'PostgreSQL', variable: 'LONGSHORE_POSTGRES_PORT', given }, [], {
    info: () => undefined,
    warn: () => undefined,
  });
  await assert.rejects(choosing, (error) => {
    assert.ok(error instanceof LongshoreError && error.code === 'config-invalid');
    assert.match(
      error.message,
      new RegExp(`LONGSHORE_POSTGRES_PORT: another program uses 127.0.0.1:${given}`),
    );
    return true;
  });
});

test('a process is known by its own listening sockets', async (t) => {
  const port = await occupied(t);
  assert.equal(listensOn(process.pid, port), true);
  assert.equal(listensOn(process.ppid, port), false);
  assert.equal(listensOn(process.pid, await freePort()), false);
});
