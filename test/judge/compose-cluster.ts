import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort } from '../../src/platform/ports.ts';
import { startPostgres } from '../../src/platform/postgres.ts';
import { startTemporal } from '../../src/platform/temporal.ts';
import { provisionTemporal } from '../../src/platform/temporal-provision.ts';
import { readComposeFile } from '../support/compose-file.ts';
import type { Addresses } from '../support/compose-service.ts';
import { until } from '../support/eventually.ts';
import { type Cleanup, testHome } from '../support/home.ts';
import { s3Program } from '../support/s3.ts';
import { MissingTool } from './python.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url));
const quiet = { info: () => undefined, warn: () => undefined };
const SUPERUSER_PASSWORD = 'of the judge only';

/**
 * The servers of the Compose file as processes of this machine, set up by the very scripts that the Compose file mounts:
 * a cluster of PostgreSQL with its roles, Temporal with a namespace, and the S3 server by its command.
 */
export async function startCluster(
  t: Cleanup,
  folder: string,
  secrets: string,
  namespace: string,
): Promise<{ readonly at: Addresses; readonly buckets: string; readonly superuser: pg.ClientConfig }> {
  if (spawnSync('psql', ['--version']).error) throw new MissingTool('deploy/postgres/roles.sh needs psql.');
  const home = await testHome(t);
  const postgres = await startPostgres({ home, log: quiet });
  t.after(() => postgres.stop());
  const superuser = await bareCluster(postgres.adminUrl);
  execFileSync(join(DEPLOY, 'postgres/roles.sh'), {
    env: {
      ...{ PATH: process.env.PATH, SECRETS: secrets, PGHOST: '127.0.0.1', PGPORT: String(postgres.port) },
      PGPASSWORD: SUPERUSER_PASSWORD,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });

  const temporal = await startTemporal({ home, log: quiet });
  t.after(() => temporal.stop());
  const tools = join(folder, 'tools');
  mkdirSync(tools);
  const program = await provisionTemporal({ log: quiet });
  symlinkSync(program, join(tools, 'temporal'));
  for (const _ of ['once', 'again, which changes nothing']) {
    execFileSync('sh', [join(DEPLOY, 'temporal/namespace.sh')], {
      env: {
        PATH: `${tools}:${process.env.PATH}`,
        HOME: folder,
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: namespace,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }
  const buckets = join(folder, 'buckets');
  mkdirSync(join(buckets, 'longshore'), { recursive: true });
  symlinkSync(await s3Program(), join(tools, 'versitygw'));
  const s3 = await startS3(t, tools, buckets, secrets);
  return {
    at: { postgres: `127.0.0.1:${postgres.port}`, temporal: temporal.address, s3 },
    buckets,
    superuser,
  };
}

/** A cluster as the image makes it: a superuser `postgres`, and nothing that `npm start` would have added. */
async function bareCluster(adminUrl: string): Promise<pg.ClientConfig> {
  const { hostname: host, port } = new URL(adminUrl);
  const superuser = {
    host,
    port: Number(port),
    user: 'postgres',
    password: SUPERUSER_PASSWORD,
    database: 'postgres',
  };
  await sql(adminUrl, [
    `create role postgres superuser login password ${pg.escapeLiteral(SUPERUSER_PASSWORD)}`,
  ]);
  await sql(superuser, [
    'drop database longshore',
    'revoke set on parameter session_replication_role from longshore_app',
    'drop role longshore_app',
    'drop role longshore_reader',
    'alter role longshore rename to made_by_initdb',
  ]);
  return superuser;
}

async function sql(config: string | pg.ClientConfig, statements: readonly string[]): Promise<void> {
  const client = new pg.Client(config);
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** By the command of the Compose file, without any right of root. @returns host:port */
async function startS3(t: Cleanup, tools: string, buckets: string, secrets: string): Promise<string> {
  const { entrypoint = [], command = [], environment = {}, healthcheck } = readComposeFile().services.s3!;
  const at = `127.0.0.1:${await freePort()}`;
  const script = [command]
    .flat()
    .join('\n')
    .replaceAll('/run/secrets', secrets)
    .replaceAll('/data', buckets)
    .replace('--port :7070', `--port ${at}`);
  const confined = ['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'];
  const child = spawn('setpriv', [...confined, ...entrypoint, script], {
    env: { ...environment, PATH: `${tools}:${process.env.PATH}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (piece) => {
    said += piece;
  });
  t.after(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'close');
  });
  const health = healthcheck?.test.at(-1)?.replace('127.0.0.1:7070', at) ?? '';
  const well = await until(
    () =>
      fetch(health).then(
        ({ ok }) => ok || child.exitCode !== null,
        () => child.exitCode !== null,
      ),
    (one) => one,
  );
  if (!well || child.exitCode !== null) throw new Error(`the S3 server did not start: ${said}`);
  return at;
}
