import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { certificatesFault, makeCertificate } from '../support/certificates.ts';
import { type ComposeBind, readComposeFile } from '../support/compose-file.ts';
import { type ComposeProcess, type Launch, startComposeProcess } from '../support/compose-service.ts';
import { until } from '../support/eventually.ts';
import type { Cleanup } from '../support/home.ts';
import { tlsFront } from '../support/tls-front.ts';
import { startCluster } from './compose-cluster.ts';
import { composeUnderstands } from './compose-spec.ts';
import { buildImage, type Image, imageFault, inRoot, PATH } from './image.ts';
import type { Scores } from './main.ts';
import { MissingTool } from './python.ts';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const MAKE_SECRETS = join(CHECKOUT, 'deploy/secrets.sh');
const NAMESPACE = 'judged';

/**
 * What no container runtime is needed for: Compose's own reader of its files judges docker-compose.yml; the Dockerfile is
 * carried out by hand; and what it made runs by the commands, environment, secrets, users, capabilities and read-only file
 * systems of the Compose file, against servers that the Compose file's scripts set up.
 */
export async function judgeDeployment(scores: Scores): Promise<void> {
  await judgeFile(scores);
  const fault = imageFault() ?? certificatesFault();
  if (fault !== null) throw new MissingTool(`The Dockerfile can not be carried out by hand: ${fault}.`);
  const cleanups: (() => Promise<unknown>)[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'longshore-image-'));
  try {
    await judgeImage(scores, { after: (cleanup) => void cleanups.push(cleanup) }, folder);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Compose has to read the file, and to find in it what our own reader finds, by which the tests hold it to its rules. (Its
 * program that prints what it read takes every variable for unset.)
 */
async function judgeFile(scores: Scores): Promise<void> {
  const faults: string[] = [];
  const understood = await composeUnderstands().catch((error: Error) => {
    if (error instanceof MissingTool) throw error;
    faults.push(error.message);
  });
  const ours = readComposeFile().services;
  const theirs = understood?.services ?? {};
  for (const [name, { environment = {} }] of Object.entries(theirs)) {
    const [read, own] = [environment, ours[name]?.environment ?? {}].map((one) =>
      JSON.stringify(sorted(one)),
    );
    if (read !== own) faults.push(`${name}: ${read} is read by the tests as ${own}`);
  }
  const names = Object.keys(theirs).sort();
  if (names.join() !== Object.keys(ours).sort().join()) faults.push(`the services are ${names}`);
  score(scores, `docker-compose.yml as Compose reads it: ${names.length} services`, faults);
}

async function judgeImage(scores: Scores, t: Cleanup, folder: string): Promise<void> {
  const secrets = join(folder, 'secrets');
  execFileSync(MAKE_SECRETS, [secrets]);
  console.log('  carrying out the Dockerfile …');
  const image = await buildImage(folder);
  score(scores, 'the Dockerfile, by hand', await surplus(image));

  const { at, buckets, superuser } = await startCluster(t, folder, secrets, NAMESPACE);
  score(scores, "the roles own their databases, and no one else's", await judgeRoles(superuser, secrets));

  const options = {
    at,
    secrets: '/run/secrets',
    command: image.command,
    env: { TEMPORAL_NAMESPACE: NAMESPACE },
    launch: (command: readonly string[], env: Readonly<Record<string, string>>) =>
      launch(image, secrets, command, env),
  };
  const api = await startComposeProcess(t, 'api', options);
  await api.healthy();
  const worker = await startComposeProcess(t, 'worker', options);
  await worker.healthy();
  const warnings = [api, worker].flatMap(
    ({ output }) => output().match(/^.*"level":"(?:warn|error|fatal)".*$/gm) ?? [],
  );
  score(scores, 'the API and a worker become healthy, confined and without a right of root', warnings);

  const key = readFileSync(join(secrets, 'longshore_admin_key'), 'utf8').trim();
  score(
    scores,
    'a load, a report with its chart, the documentation, a backup',
    await judgeUse(api, key, buckets),
  );
  score(
    scores,
    'Temporal over TLS, by the root certificates',
    await judgeCertificates(t, folder, image, at.temporal),
  );
  score(scores, 'the client in the container', await judgeClient(options.launch, api));
  const codes = [await worker.stop(), await api.stop()];
  score(scores, 'both stop in order', codes.every((code) => code === 0) ? [] : [`exit codes ${codes}`]);
}

/** In a container: with the secrets, the binds and the tmpfs of the Compose file, as the image's user. */
function launch(
  image: Image,
  folder: string,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): ReturnType<Launch> {
  const { volumes = [], tmpfs = [], secrets = [] } = readComposeFile().services.api!;
  const binds = volumes.filter((volume): volume is ComposeBind => typeof volume !== 'string');
  const view = {
    binds: [
      ...secrets.map((name) => ({ source: join(folder, name), target: `/run/secrets/${name}` })),
      ...binds.map(({ source, target }) => ({ source: join(CHECKOUT, source), target })),
    ],
    tmpfs,
    confined: true,
  };
  return spawn(...inRoot(image, view, command), {
    env: { PATH, HOME: '/home/node', ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** What the image holds beside what it needs. */
async function surplus({ root, workdir }: Image): Promise<string[]> {
  const app = join(root, workdir);
  const paths = await readdir(app, { recursive: true, withFileTypes: true });
  const files = paths.filter((entry) => entry.isFile());
  const faults = files
    .filter(({ name }) => /^(node|postgres|initdb|temporal)$/.test(name))
    .map(({ name, parentPath }) => `${parentPath}/${name}`);
  const natives = files.filter(({ name }) => name.endsWith('.node')).map(({ parentPath }) => parentPath);
  const foreign = natives.filter((path) => /darwin|windows|win32/.test(path));
  if (foreign.length > 0) faults.push(`there are programs of other machines: ${foreign}`);
  if (readdirSync(join(root, 'etc/ssl/certs')).join() !== 'ca-certificates.crt')
    faults.push('there are no root certificates');
  return faults;
}

async function judgeRoles(superuser: pg.ClientConfig, secrets: string): Promise<string[]> {
  const faults: string[] = [];
  const client = new pg.Client(superuser);
  await client.connect();
  const { rows } = await client.query(
    `select rolname, rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as mighty,
            array(select datname::text from pg_database where datdba = r.oid order by 1) as owns
       from pg_roles r where rolname in ('longshore', 'temporal') order by 1`,
  );
  await client.end();
  const expected = [
    { rolname: 'longshore', mighty: false, owns: ['longshore'] },
    { rolname: 'temporal', mighty: false, owns: ['temporal', 'temporal_visibility'] },
  ];
  if (JSON.stringify(rows) !== JSON.stringify(expected)) faults.push(JSON.stringify(rows));
  for (const { rolname: user, owns } of expected) {
    const password = readFileSync(join(secrets, `${user}_database_password`), 'utf8').trim();
    for (const database of expected.flatMap((one) => one.owns)) {
      const own = new pg.Client({ ...superuser, user, password, database });
      const may = await own.connect().then(
        () => true,
        () => false,
      );
      await own.end();
      if (may !== owns.includes(database))
        faults.push(`${user} ${may ? 'may' : 'may not'} connect to ${database}`);
    }
  }
  return faults;
}

async function judgeUse({ url }: ComposeProcess, key: string, buckets: string): Promise<string[]> {
  const faults: string[] = [];
  const ask = async (path: string, expected: RegExp, body?: string, type = 'text/csv') => {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'x-api-key': key, 'content-type': type, prefer: 'wait=50' },
      ...(body !== undefined && { body }),
    });
    const answer = await response.text();
    if (!response.ok || !expected.test(answer))
      faults.push(`${path}: ${response.status} ${answer.slice(0, 300)}`);
    return answer;
  };
  await ask('/v1/tables/departments/loads', /"loaded":2,"rejected":0/, '1,Docks\n2,Cranes\n');
  await ask('/v1/tables/jobs/loads', /"loaded":1,"rejected":1/, '1,Pilot\nx,Diver\n');
  await ask(
    '/v1/tables/hired_employees/loads',
    /"loaded":1,"rejected":0/,
    '1,Ada,2021-02-01T00:00:00Z,1,1\n',
  );
  // Its view is refreshed after the load.
  await until(
    async () =>
      (await fetch(`${url}/v1/reports/hires-by-quarter?year=2021`, { headers: { 'x-api-key': key } })).text(),
    (answer) => answer.includes('"stale":false'),
  );
  await ask('/v1/reports/hires-by-quarter?year=2021', /Pilot/);
  await ask('/v1/reports/hires-by-quarter.svg?year=2021', /^<svg/);
  await ask('/docs/operations', /Docker Compose/);
  await ask('/docs/api', /swagger/i);
  const backup = await ask('/v1/backups', /"status":"done".*"encrypted":true/, '{}', 'application/json');
  if (faults.length === 0) {
    const kept = readdirSync(join(buckets, 'longshore', 'backups'));
    if (!backup.includes(`"id":"${kept[0]}"`)) faults.push(`the storage holds ${kept}`);
  }
  return faults;
}

/**
 * Temporal's SDK trusts what the image has in /etc/ssl. No authority of that list signs for a judge, so a server of a
 * stranger's is refused for that, and accepted once its authority is on the list.
 */
async function judgeCertificates(
  t: Cleanup,
  folder: string,
  image: Image,
  temporal: string,
): Promise<string[]> {
  const authority = makeCertificate(folder, 'authority');
  const certificate = makeCertificate(folder, 'server', { by: authority, names: ['DNS:localhost'] });
  const { port } = await tlsFront(t, temporal, { certificate });
  const roots = '/etc/ssl/certs/ca-certificates.crt';
  const list = join(folder, 'roots.crt');
  writeFileSync(
    list,
    [join(image.root, roots), authority.certPath].map((path) => readFileSync(path, 'utf8')).join('\n'),
  );
  const faults: string[] = [];
  for (const [binds, expected] of [
    [[], /UnknownIssuer/],
    [[{ source: list, target: roots }], /^connected/],
  ] as const) {
    const child = spawn(
      ...inRoot(image, { binds, tmpfs: ['/tmp:mode=1777'], confined: true }, [
        'node',
        '--input-type=module',
        '--eval',
        CONNECT,
      ]),
      {
        env: { PATH, ...image.env, TEMPORAL_ADDRESS: `localhost:${port}`, TEMPORAL_TLS: 'true' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const [printed, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
    if (!expected.test(printed + said)) faults.push(`expected ${expected}, received ${printed}${said}`);
  }
  return faults;
}

const CONNECT = `
  const [{ readConfig }, { connectWorker }] = await Promise.all([
    import('/app/src/config.ts'), import('/app/src/temporal/connect.ts'),
  ]);
  await connectWorker(readConfig()).then(() => console.log('connected'), (error) => console.log(error.cause));
  process.exit();`;

async function judgeClient(launchIn: Launch, api: ComposeProcess): Promise<string[]> {
  const child = launchIn(['longshore', 'tables'], api.env);
  const [printed, said, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'close'),
  ]);
  return code === 0 && /hired_employees/.test(printed) ? [] : [`exit code ${code}: ${printed}${said}`];
}

function score(scores: Scores, what: string, faults: readonly string[]): void {
  if (faults.length === 0) scores.pass(what);
  else scores.fail(what, faults);
}

function sorted(values: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(values)
    .map(([name, value]): [string, string] => [name, String(value ?? '')])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
